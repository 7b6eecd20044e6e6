"""The server's own counters of prepared statements, read on the application's connections before they are gone.

They are kept for each connection and each statement prepared on it: ``pg_prepared_statements`` counts the executions
with a plan made for their parameters and those with the generic plan. The first execution with the generic plan makes
it, each further one reuses it. Statements deallocated meanwhile take their counters along: psycopg keeps the last 100
of a connection (``prepared_max``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from pytest_perfbudget.capture.hub import Hub
from pytest_perfbudget.capture.tap import Tap
from pytest_perfbudget.model.resources import PlanCacheUse
from pytest_perfbudget.pool.patching import Patches

_COUNTERS = b"SELECT name || '@' || prepare_time, custom_plans, generic_plans FROM pg_catalog.pg_prepared_statements"
_READABLE = (0, 2)
"""PQTRANS_IDLE and PQTRANS_INTRANS: anything else is busy, failed or gone."""

Counters = dict[bytes, tuple[int, int]]


class PlanCache:
    """Executions of prepared statements from ``watching`` on, of every connection the hub records.

    ``use`` is complete when the recording has ended and ``finish`` was called.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._before: WeakKeyDictionary[Tap, Counters] = WeakKeyDictionary()
        self._read: WeakSet[Tap] = WeakSet()
        self._connections = self._executions = self._reused = 0

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Note what was counted before, and read what connections closed meanwhile have counted."""
        import psycopg

        for tap in list(self._hub.taps):
            if isinstance(tap, Tap) and (counters := _counters(tap)) is not None:
                self._before[tap] = counters
        patches = Patches()
        for kind in (psycopg.Connection, psycopg.AsyncConnection):
            patches.wrap(kind, "close", self._closing)
        try:
            yield
        finally:
            patches.undo()

    def finish(self) -> PlanCacheUse:
        """Read the connections that are still there; to be called before the recording is stopped."""
        recording = self._hub.recording
        sources = [source() for source in recording.sources] if recording else []
        for tap in sources:
            if isinstance(tap, Tap):
                self._add(tap)
        return PlanCacheUse(self._executions, self._reused, len(sources) - self._connections)

    def _closing(self, original: Callable[[Any], Any]) -> Callable[[Any], Any]:
        @wraps(original)
        def close(connection: Any) -> Any:
            tap = connection.pgconn.notice_handler
            if type(tap) is Tap and self._recorded(tap):
                self._add(tap)
            return original(connection)

        return close

    def _recorded(self, tap: Tap) -> bool:
        recording = self._hub.recording
        return recording is not None and any(source() is tap for source in recording.sources)

    def _add(self, tap: Tap) -> None:
        """A connection can be read again: what was counted before is left out."""
        if (counters := _counters(tap)) is None:
            return
        self._connections += tap not in self._read
        self._read.add(tap)
        before = self._before.get(tap, {})
        self._before[tap] = counters
        for name, (custom, generic) in counters.items():
            custom_before, generic_before = before.get(name, (0, 0))
            self._executions += custom + generic - custom_before - generic_before
            # The one that made the generic plan is no reuse.
            self._reused += max(generic - 1, 0) - max(generic_before - 1, 0)


def _counters(tap: Tap) -> Counters | None:
    """The counters of a connection by statement; None where it cannot be asked without disturbing anybody."""
    connection = tap.connection
    if connection is None or connection.pgconn.status or connection.lock.locked():
        return None
    pgconn = connection.pgconn
    if pgconn.pipeline_status or pgconn.transaction_status not in _READABLE:
        return None
    result = pgconn.exec_(_COUNTERS)
    if result.ntuples and result.nfields != 3:
        return None
    rows = range(result.ntuples)
    return {result.get_value(n, 0): (int(result.get_value(n, 1)), int(result.get_value(n, 2))) for n in rows}
