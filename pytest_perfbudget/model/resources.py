"""What a test used besides statements: pools of connections, the server's plan cache."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_perfbudget.sites import Site


@dataclass(frozen=True, slots=True)
class PoolUse:
    """All pools of a test together. ``waits`` and ``connects`` are seconds, in order; ``kinds`` the pools that were
    watched. ``leaked`` are the lines that took what was not returned, None where no line is the user's; ``slowest`` is
    the line that waited longest, ``busiest`` the one that took the last connection of ``max_busy`` at once."""

    kinds: tuple[str, ...]
    requests: int
    queued: int
    max_busy: int
    waits: tuple[float, ...] = ()
    connects: tuple[float, ...] = ()
    leaked: tuple[Site | None, ...] = ()
    slowest: Site | None = None
    busiest: Site | None = None


@dataclass(frozen=True, slots=True)
class ReplicaUse:
    """``lags`` are the seconds until the standby had replayed what was written, a figure for each write that was seen;
    one that was still under way when the test ended counts with the time until then."""

    lags: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Shared:
    """The processors' time of a while, in seconds: ``of`` them all, ``busy`` those that any process had, ``others``
    those of processes that are neither this one nor the server's. All 0 where the platform does not tell."""

    busy: float = 0.0
    others: float = 0.0
    of: float = 0.0


ALONE = Shared()
"""Nobody else is known of."""


@dataclass(frozen=True, slots=True)
class Scheduled:
    """Seconds so far of a client's thread and of its backend together: ``waited`` is what they have waited for a
    processor that something else ran on, each other included; ``ran`` is what they have run. 0 where nobody tells."""

    waited: float = 0.0
    ran: float = 0.0


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """The most ``peak`` bytes that the backends of a test had together, of ``n`` looks at them; ``why`` nobody could
    look."""

    peak: int = 0
    n: int = 0
    why: str = ""


@dataclass(frozen=True, slots=True)
class Benchmarked:
    """What a benchmark fixture measured of a function that the test gave it: seconds of a call, by rounds of so many
    ``iterations``; ``why`` it measured nothing."""

    samples: tuple[float, ...] = ()
    iterations: int = 1
    why: str = ""


@dataclass(frozen=True, slots=True)
class Used:
    """A figure of a test as a whole that was measured for its budget: ``key`` is the budget's, ``value`` in ``unit``,
    ``note`` what it rests on."""

    key: str
    value: float
    unit: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class PlanCacheUse:
    """Executions of prepared statements, of all connections of a test together: ``reused`` of them took a plan that was
    there. ``unread`` connections were gone before their counters could be read."""

    executions: int = 0
    reused: int = 0
    unread: int = 0

    @property
    def hit_rate(self) -> float:
        """The share that reused a plan; 0 where nothing was executed."""
        return self.reused / self.executions if self.executions else 0.0
