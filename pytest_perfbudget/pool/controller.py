"""How many connections a pool may have: decided from its account, window by window. Pure; the clock is injected.

Up: requests queue, and wait longer than allowed or than a connection is held. The size doubles, and the next doubling
has to be earned: where the rate of returns did not rise with the connections, the server (or this process) is at its
limit and more of them only compete. That stands until the time a connection is held changes, or the queue has been gone
for a while.

Down: for a whole cool-down fewer connections were in use, even at the busiest moment, than the size allows for. Between
the two lies a band in which nothing changes, so that a steady load has one size.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from pytest_perfbudget.pool.ledger import Account

LOW = 0.75
"""Down only when the connections needed are at most this share of the size: the width of the band."""

GAIN, PLAIN_GAIN = 0.1, 0.5
"""A raise by the share s has earned the next one when the rate of returns rose by a tenth of s over three windows, or
by half of s in the first."""

WEIGHED = 3
"""Windows over which figures are taken where one does not tell: the rate after a raise, the load at a limit."""

ANOTHER_LOAD = 2.0
"""The time a connection is held changed by this factor: other statements, other limits."""

CALM = 10
"""Windows with requests and without pressure after which a limit that was found is forgotten."""


@dataclass(frozen=True, slots=True)
class Policy:
    """When a pool is resized.

    ``interval`` and ``cool_down`` are in seconds: the length of a window, and the time within which a load that went is
    answered. ``wait`` is the 95th percentile of the wait, in seconds, and ``queued`` the share of requests, both of
    which must be exceeded for a raise. ``headroom`` is the number of connections kept for each that is in use at the
    busiest moment.
    """

    interval: float = 0.1
    cool_down: float = 30.0
    wait: float = 0.001
    queued: float = 0.05
    headroom: float = 1.25

    def __post_init__(self) -> None:
        if self.interval <= 0 or self.cool_down < 5 * self.interval:
            raise ValueError(f"cool_down ({self.cool_down} s) is at least 5 intervals of {self.interval} s")
        if self.headroom < 1 or self.wait < 0 or not 0 <= self.queued < 1:
            raise ValueError("headroom is at least 1, wait at least 0, queued a share under 1")


class Controller:
    """The size of one pool, ``minimum`` ≤ ``target`` ≤ ``maximum`` at any time."""

    def __init__(self, minimum: int, maximum: int, policy: Policy, clock: Callable[[], float]) -> None:
        self.minimum, self.maximum, self.policy = minimum, maximum, policy
        self.target = max(minimum, 1)
        self._clock = clock
        self._before: tuple[int, float] | None = None
        self._settling = False
        self._tally = Tally()
        self._limit_at: float | None = None
        self._calm = 0
        self._peaks: deque[tuple[float, int]] = deque()

    def step(self, account: Account, *, size: int, waiting: int = 0) -> int:
        """The target after a window.

        ``size`` is the number of connections the pool has now, ``waiting`` the requests that wait now.
        """
        self.target = min(self.maximum, max(self.target, self.minimum, 1))  # the bounds can have moved
        pressed = self._pressed(account, waiting)
        if account.requests:
            self._calm = 0 if pressed else self._calm + 1
        if self._calm >= CALM:
            self._limit_at = None
        if not pressed:
            self._before, self._settling, self._tally = None, False, Tally()
        elif size >= self.target:
            self._up(account)
        self._down(self.target if pressed else account.max_busy)
        return self.target

    def _pressed(self, account: Account, waiting: int) -> bool:
        """Requests queue, and wait longer than allowed or than a connection is held."""
        if not account.requests:
            return waiting > 0 and account.seconds > self.policy.wait
        share = account.queued / account.requests
        allowed = min(self.policy.wait, Tally().plus(account).held)
        return share > self.policy.queued and (account.wait_p95 or 0.0) > allowed

    def _up(self, account: Account) -> None:
        if self._settling:  # this window began with fewer connections
            self._settling = False
            return
        self._tally = self._tally.plus(account)
        if self._before and not self._earned(self._before):
            if self._tally.windows < WEIGHED:
                return
            self._limit_at = self._tally.held
        self._before = None
        if self._limit_at is not None:
            if self._tally.windows < WEIGHED:
                return
            if _alike(self._tally.held, self._limit_at):
                self._tally = Tally()
                return
            self._limit_at = None
        if self.target < self.maximum:
            self._before, self._settling = (self.target, self._tally.rate), True
            self.target = min(self.maximum, 2 * self.target)
        self._tally = Tally()

    def _earned(self, before: tuple[int, float]) -> bool:
        size, rate = before
        gain = GAIN if self._tally.windows >= WEIGHED else PLAIN_GAIN
        return self._tally.rate >= rate * (1 + gain * (self.target / size - 1))

    def _down(self, busy: int) -> None:
        """``_peaks`` are the busiest moments that nothing busier followed, within the cool-down."""
        now = self._clock()
        while self._peaks and self._peaks[-1][1] <= busy:
            self._peaks.pop()
        self._peaks.append((now, busy))
        # Two windows early: one to see that the load went, one to close the connections.
        since = now - (self.policy.cool_down - 2 * self.policy.interval)
        while self._peaks[0][0] < since:
            self._peaks.popleft()
        need = min(self.maximum, max(self.minimum, 1, math.ceil(self._peaks[0][1] * self.policy.headroom)))
        if need < self.target and need <= max(LOW * self.target, self.minimum, 1):
            self.target, self._limit_at = need, None


@dataclass(frozen=True, slots=True)
class Tally:
    """Windows under pressure, added up: how fast connections came back (1/s), how long each was held (s)."""

    windows: int = 0
    seconds: float = 0.0
    returned: int = 0
    used: float = 0.0

    def plus(self, account: Account) -> Tally:
        return Tally(
            self.windows + 1,
            self.seconds + account.seconds,
            self.returned + account.returned,
            self.used + account.busy * account.seconds,
        )

    @property
    def rate(self) -> float:
        return self.returned / self.seconds if self.seconds else 0.0

    @property
    def held(self) -> float:
        return self.used / self.returned if self.returned else math.inf


def _alike(held: float, limit: float) -> bool:
    return 1 / ANOTHER_LOAD < held / limit < ANOTHER_LOAD if limit else held == limit
