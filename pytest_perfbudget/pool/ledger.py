"""What the connections of pools were doing: noted at each check-out, reckoned up when somebody asks."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

from pytest_perfbudget.pool.samples import Samples, percentile
from pytest_perfbudget.sites import Site

NOTES = 1_000
"""As many are reckoned up at the latest."""

NONE = -1
"""No connection's key: those are addresses."""


@dataclass(frozen=True, slots=True)
class Account:
    """What happened between two moments, ``seconds`` apart.

    ``requests`` asked for a connection, ``queued`` of them had to wait for one, ``failed`` got none, ``returned``
    connections came back. ``busy`` is the mean number of connections in use (by Little: their time in use over the
    time that passed), ``max_busy`` the most at once. ``waits`` and ``connects`` are in seconds, in order, and at most
    10,000 of each. ``out`` are the connections taken in this time and not returned. ``slowest`` is the line that waited
    longest, ``busiest`` the one that took the last connection of the most at once.
    """

    seconds: float
    requests: int
    queued: int
    failed: int
    returned: int
    busy: float
    max_busy: int
    waits: tuple[float, ...] = ()
    connects: tuple[float, ...] = ()
    out: tuple[Taken, ...] = ()
    slowest: Site | None = None
    busiest: Site | None = None

    @property
    def wait_p95(self) -> float | None:
        """Seconds; None where nobody asked."""
        return percentile(self.waits, 0.95)

    @property
    def connect_p95(self) -> float | None:
        """Seconds; None where nothing was connected."""
        return percentile(self.connects, 0.95)


@dataclass(frozen=True, slots=True)
class Taken:
    """A connection in use: since when on the ledger's clock, and the line that took it."""

    since: float
    site: Site | None


class Ledger:
    """Thread-safe; ``clock`` counts seconds.

    A check-out is only noted, in one append: it happens between two statements, where the processor's caches are full
    of something else and every line of code is dear. Who asks for an account, or the 1,000th note, reckons them up.
    """

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        self.clock = clock
        self._lock = threading.Lock()
        self._notes: deque[tuple[int, float | None, float, Site | None]] = deque()
        self._out: dict[int, tuple[float, Site | None]] = {}
        self._dropped = 0
        self._begin(clock())

    def _begin(self, now: float) -> None:
        self._started = now
        self._requests = self._queued = self._failed = self._returned = 0
        self._used = 0.0
        self._max_busy = len(self._out)
        self._waits, self._connects = Samples(), Samples()
        self._longest = 0.0
        self._slowest: Site | None = None
        self._busiest: Site | None = None

    def took(self, key: int, asked: float, site: Site | None) -> None:
        """A request made at ``asked`` got the connection ``key``."""
        self._notes.append((key, asked, self.clock(), site))
        if len(self._notes) > NOTES:
            self._settle()

    def refused(self, asked: float, site: Site | None) -> None:
        """A request made at ``asked`` got no connection: it waited all the same."""
        self.took(NONE, asked, site)

    def returned(self, key: int) -> None:
        """The connection ``key`` came back; one that was not seen leaving is nobody's."""
        self._notes.append((key, None, self.clock(), None))

    def _settle(self) -> None:
        with self._lock:
            self._reckon()

    def _reckon(self) -> None:
        """Everything noted so far, in the order in which it happened; the caller holds the lock."""
        for _ in range(len(self._notes)):
            key, asked, now, site = self._notes.popleft()
            if asked is None:
                self._came_back(key, now)
                continue
            self._requests += 1
            self._waits.add(now - asked)
            if now - asked > self._longest:
                self._longest, self._slowest = now - asked, site
            if key == NONE:
                self._failed += 1
            else:
                self._went(key, now, site)

    def _went(self, key: int, now: float, site: Site | None) -> None:
        out = self._out
        if key in out:  # dropped without being returned, and its address is another connection's now
            self._dropped += 1
            out[NONE - self._dropped] = out.pop(key)
        out[key] = (now, site)
        if len(out) > self._max_busy:
            self._max_busy, self._busiest = len(out), site

    def _came_back(self, key: int, now: float) -> None:
        if taken := self._out.pop(key, None):
            self._used += now - max(taken[0], self._started)
            self._returned += 1

    def connected(self, seconds: float) -> None:
        """A connection was made in that time."""
        with self._lock:
            self._connects.add(seconds)

    def queue(self, requests: int) -> None:
        """So many more requests had to wait in a pool's queue."""
        with self._lock:
            self._queued += requests

    @property
    def busy(self) -> int:
        """Connections in use now."""
        self._settle()
        return len(self._out)

    def out(self) -> tuple[Taken, ...]:
        """The connections in use now, the one out longest first."""
        with self._lock:
            self._reckon()
            return tuple(Taken(*taken) for taken in self._out.values())

    def cut(self) -> Account:
        """The account since the last cut; connections in use stay in use in the next one."""
        with self._lock:
            self._reckon()
            now = self.clock()
            self._used += sum(now - max(since, self._started) for since, _ in self._out.values())
            account = self._account(now)
            self._begin(now)
        return account

    def _account(self, now: float) -> Account:
        seconds = max(now - self._started, 1e-9)
        return Account(
            seconds=seconds,
            requests=self._requests,
            queued=self._queued,
            failed=self._failed,
            returned=self._returned,
            busy=self._used / seconds,
            max_busy=self._max_busy,
            waits=self._waits.kept(),
            connects=self._connects.kept(),
            out=tuple(Taken(*taken) for taken in self._out.values() if taken[0] >= self._started),
            slowest=self._slowest,
            busiest=self._busiest,
        )
