"""How far a standby is behind its primary while a test runs: looked at all the time, so that every write is timed.

PostgreSQL's own ``pg_stat_replication.replay_lag`` follows the standby's replies, which an asynchronous standby sends
when it has written and not when it has replayed (manual, "The Statistics Collector", pg_stat_replication).
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Position = Callable[[], int]
"""Asks a server for a position in the WAL, in bytes."""

INTERVAL = 0.001
"""Seconds between two looks: a lag is told by up to this and a look's own time too short."""

WRITTEN = "select pg_current_wal_lsn() - '0/0'::pg_lsn"
REPLAYED = "select pg_last_wal_replay_lsn() - '0/0'::pg_lsn"


class Lag:
    """The lags of all writes between the first look and the last, in seconds. Thread-safe: the last look may be
    another thread's than those before."""

    def __init__(self, written: Position, replayed: Position, clock: Callable[[], float] = time.perf_counter) -> None:
        self._written, self._replayed, self._clock = written, replayed, clock
        self._seen = written()
        self._underway: deque[tuple[int, float]] = deque()
        self._done: list[float] = []
        self._lock = threading.Lock()

    def look(self) -> None:
        """Note what has been written since the last look, and what has been replayed by now."""
        with self._lock:
            self._look()

    def _look(self) -> None:
        now, written = self._clock(), self._written()
        if written > self._seen:
            self._seen = written
            self._underway.append((written, now))
        if not self._underway:
            return
        replayed, now = self._replayed(), self._clock()
        while self._underway and self._underway[0][0] <= replayed:
            self._done.append(now - self._underway.popleft()[1])

    def finish(self) -> tuple[float, ...]:
        """After a last look; a write that has not been replayed yet counts with the time it has waited."""
        with self._lock:
            self._look()
            now = self._clock()
            return (*self._done, *(now - since for _, since in self._underway))


@contextmanager
def measuring(lag: Lag) -> Iterator[None]:
    """Look from a thread of its own meanwhile."""
    done = threading.Event()

    def looking() -> None:
        while not done.wait(INTERVAL):
            lag.look()

    thread = threading.Thread(target=looking, name="perfbudget-lag", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def position(connection: Any, sql: str) -> Position:
    """The answer of a server to ``WRITTEN`` or ``REPLAYED``."""
    return lambda: int(connection.execute(sql).fetchone()[0])
