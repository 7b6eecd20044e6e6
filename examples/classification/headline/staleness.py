"""Whether hits are what PostgreSQL says, looked at while others write.

A hit is checked between two executions of its statement on a connection of our own, each with a snapshot of its own.
Where both give the same rows nothing has changed them, and the hit has to be those rows. Where they differ a writer
came between: a hit that is one of the two is right, any other is not decided.
"""

from __future__ import annotations

import threading
from typing import Any

import psycopg
from classification.dashboard import LEADERS

from headline.meter import Meter
from pytest_perfbudget.cache import QueryCache

EVERY = 400
"""Of so many reads one is checked."""


class Checks:
    """Of one process; one check at a time. The checks are part of the load, of its CPU time too."""

    def __init__(self, dsn: str, every: int = EVERY) -> None:
        self._dsn, self._every = dsn, every
        self._lock = threading.Lock()
        self._reads = self.hits = self.stale = self.undecided = 0

    def counts(self) -> dict[str, int]:
        return {"checked": self.hits, "stale": self.stale, "undecided": self.undecided}

    def perhaps(self, cache: QueryCache, meter: Meter, statement: str, parameters: Any) -> None:
        """Now and then. The order of equals in LEADERS is any, so that two executions may differ."""
        self._reads += 1
        if self._reads % self._every or statement == LEADERS or not self._lock.acquire(blocking=False):
            return
        try:
            self._check(cache, meter, statement, parameters)
        finally:
            self._lock.release()

    def _check(self, cache: QueryCache, meter: Meter, statement: str, parameters: Any) -> None:
        with psycopg.connect(self._dsn, autocommit=True) as own:
            first = own.execute(statement, parameters).fetchall()
            lent = meter.lent
            rows = cache.fetch(statement, parameters)
            if meter.lent != lent:  # it took a connection: no hit
                return
            second = own.execute(statement, parameters).fetchall()
        self.hits += 1
        if rows not in (first, second):
            self.stale += first == second
            self.undecided += first != second
