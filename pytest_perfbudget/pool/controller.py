"""How many connections a pool may have: decided from its account, window by window. Pure; the clock is injected.

Up: requests queue, and wait longer than allowed or than a connection is held. The size doubles, and the next doubling
has to be earned: where the rate of returns did not rise with the connections, the server (or this process) is at its
limit and more of them only compete. One size beyond it is tried once: that at which every request has a connection, so
that none is handed from one to the next. It stays where it does more, else the size goes back. What was found stands
until the time a connection is held changes, or the queue has been gone for a while.

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

GAIN, PLAIN_GAIN = 0.05, 0.5
"""A raise by the share s has earned the next one when the rate of returns rose by a twentieth of s over three or ten
windows, or by half of s in the first."""

WEIGHED = 3
"""Windows over which figures are taken where one does not tell: the rate after a raise, the load at a limit."""

TRIAL, BETTER = 10, 1.02
"""Windows on either side of a trial, and the rate that keeps it, as a share of the one before."""

TELLING = 40
"""Connections that come back before figures are taken from them."""

ANOTHER_LOAD = 2.0
"""The time a connection is held changed by this factor: other statements, other limits."""

CALM = 10
"""Windows with requests and without a queue after which a limit that was found is forgotten."""


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
        self._before: tuple[int, Tally] | None = None
        self._trial = False
        self._settling = 0
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
            self._calm = 0 if self._queueing(account) else self._calm + 1
        if self._calm >= CALM:
            self._limit_at, self._calm = None, 0
        if not pressed:
            self._relieved(account)
        elif size >= self.target:
            self._up(account, size + waiting)
        self._down(self.target if pressed else account.max_busy)
        return self.target

    def _pressed(self, account: Account, waiting: int) -> bool:
        """Requests queue, and wait longer than allowed or than a connection is held."""
        if not account.requests:
            return waiting > 0 and account.seconds > self.policy.wait
        allowed = min(self.policy.wait, Tally().plus(account).held)
        return self._queueing(account) and (account.wait_p95 or 0.0) > allowed

    def _queueing(self, account: Account) -> bool:
        return account.queued > self.policy.queued * account.requests

    def _up(self, account: Account, wanted: int) -> None:
        if not self._counted(account) or (self._limit_at is not None and self._limited(self._limit_at)):
            return
        if self._trial:
            self._judge()
        elif self._before is None or self._earned(*self._before):
            self._raise(2 * self.target)
        elif self._tally.windows >= TRIAL and self._tally.returned >= TELLING:
            self._trial = True
            self._raise(max(2 * self.target, wanted))

    def _limited(self, held: float) -> bool:
        """Whether the limit found, with connections held for ``held`` seconds, stands; or it is too early to say."""
        if self._tally.windows >= WEIGHED and self._tally.returned >= TELLING:
            if not _alike(self._tally.held, held):
                self._limit_at = None
                return False
            self._tally = Tally()
        return True

    def _relieved(self, account: Account) -> None:
        """Nobody waits. For a trial that is the point of it, unless it is because the load went."""
        if not self._trial or self._before is None or account.busy <= (self._before[0] + self.target) / 2:
            self._move(self.target)
        elif self._counted(account):
            self._judge()

    def _counted(self, account: Account) -> bool:
        """Whether the window is one of the present size alone."""
        if self._settling:
            self._settling -= 1
            return False
        self._tally = self._tally.plus(account)
        return True

    def _earned(self, size: int, before: Tally) -> bool:
        if self._tally.windows not in (1, WEIGHED, TRIAL):  # each look more is one more for chance
            return False
        gain = GAIN if self._tally.windows >= WEIGHED else PLAIN_GAIN
        return self._tally.rate >= before.rate * (1 + gain * (self.target / size - 1))

    def _raise(self, size: int) -> None:
        if self.target == self.maximum:
            self._limit_at = self._tally.held
            self._move(self.target)
        else:
            self._before, self._tally = (self.target, self._tally), Tally()
            self.target, self._settling = min(self.maximum, size), WEIGHED if self._trial else 1

    def _judge(self) -> None:
        """At the end of a trial."""
        if self._tally.windows < TRIAL or self._before is None:
            return
        size, before = self._before
        if before.rate * self._tally.seconds < TELLING:
            return
        if self._tally.rate >= BETTER * before.rate:
            self._move(self.target)
        else:
            self._limit_at = before.held
            self._move(size)

    def _move(self, size: int) -> None:
        """To a size that nothing is compared with."""
        self._settling = int(size != self.target)
        self.target, self._before, self._trial, self._tally = size, None, False, Tally()

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
            self._move(need)
            self._limit_at = None


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
