"""What the synchronous and the async pool share: the accounts kept, and the size decided from them."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_perfbudget.pool.controller import Controller, Policy
from pytest_perfbudget.pool.ledger import Account, Ledger


class Governor:
    """``last`` is the account of the last whole window, None before the first."""

    def __init__(self, minimum: int, maximum: int, policy: Policy) -> None:
        self.ledger = Ledger()
        self.controller = Controller(minimum, maximum, policy, self.ledger.clock)
        self.last: Account | None = None
        self._queued = 0

    def step(self, stats: Mapping[str, int]) -> int:
        """End a window; ``stats`` are psycopg_pool's. Returns the size the pool may have from now on."""
        queued = stats.get("requests_queued", 0)
        # The application's pop_stats() begins them anew.
        self.ledger.queue(queued - self._queued if queued >= self._queued else queued)
        self._queued = queued
        self.last = self.ledger.cut()
        waiting = stats.get("requests_waiting", 0)
        return self.controller.step(self.last, size=stats["pool_size"], waiting=waiting)

    def at_rest(self, stats: Mapping[str, int]) -> bool:
        """Whether nothing can change before somebody asks for a connection."""
        quiet = self.last is not None and not self.last.requests and not self.ledger.busy
        lowest = max(self.controller.minimum, 1)
        return quiet and self.controller.target == lowest and stats["pool_size"] <= lowest


def starved(stats: Mapping[str, int], target: int) -> bool:
    """Whether requests wait for connections that may be made: psycopg_pool makes one when the next request queues,
    and those that wait already may have been the last."""
    idle = stats["pool_available"]
    return stats.get("requests_waiting", 0) > 0 and not idle and stats["pool_size"] < target
