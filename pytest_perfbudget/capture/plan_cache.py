"""The server's own counters of prepared statements, read on the application's connections before they are gone.

They are kept for each connection and each statement prepared on it: ``pg_prepared_statements`` counts the executions
with a plan made for their parameters and those with the generic plan. The first execution with the generic plan makes
it, each further one reuses it. Statements deallocated meanwhile take their counters along: psycopg keeps the last 100
of a connection (``prepared_max``), asyncpg too (``statement_cache_size``). psycopg2 prepares nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial, wraps
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from pytest_perfbudget.capture.asyncpg_tap import known as of_asyncpg
from pytest_perfbudget.capture.hub import Hub
from pytest_perfbudget.capture.imports import forget, when_imported
from pytest_perfbudget.capture.portals import Portals
from pytest_perfbudget.capture.tap import known as of_psycopg
from pytest_perfbudget.model.resources import PlanCacheUse
from pytest_perfbudget.pool.patching import Patches

_COUNTERS = b"SELECT name || '@' || prepare_time, custom_plans, generic_plans FROM pg_catalog.pg_prepared_statements"
Counters = dict[bytes, tuple[int, int]]
TapOf = Callable[[Any], Portals | None]


class PlanCache:
    """Executions of prepared statements from ``watching`` on, of every connection the hub records.

    ``use`` is complete when the recording has ended and ``finish`` was called.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._before: WeakKeyDictionary[Portals, Counters] = WeakKeyDictionary()
        self._read: WeakSet[Portals] = WeakSet()
        self._connections = self._executions = self._reused = 0

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Note what was counted before, and read what connections closed meanwhile have counted."""
        for tap in list(self._hub.taps):
            if isinstance(tap, Portals) and (counters := _counters(tap)) is not None:
                self._before[tap] = counters
        import psycopg

        patches = Patches()
        for kind in (psycopg.Connection, psycopg.AsyncConnection):
            patches.wrap(kind, "close", partial(self._closing, of_psycopg))

        def read_asyncpg() -> None:
            patches.wrap(sys.modules["asyncpg"].Connection, "close", partial(self._closing, of_asyncpg))

        when_imported("asyncpg", read_asyncpg)
        try:
            yield
        finally:
            forget("asyncpg", read_asyncpg)
            patches.undo()

    def finish(self) -> PlanCacheUse:
        """Read the connections that are still there; to be called before the recording is stopped."""
        recording = self._hub.recording
        sources = [source() for source in recording.sources] if recording else []
        for tap in sources:
            if isinstance(tap, Portals):
                self._add(tap)
        return PlanCacheUse(self._executions, self._reused, len(sources) - self._connections)

    def _closing(self, tap_of: TapOf, original: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        def close(connection: Any, *args: Any, **options: Any) -> Any:
            tap = tap_of(connection)
            if tap is not None and self._recorded(tap):
                self._add(tap)
            return original(connection, *args, **options)

        return close

    def _recorded(self, tap: Portals) -> bool:
        recording = self._hub.recording
        return recording is not None and any(source() is tap for source in recording.sources)

    def _add(self, tap: Portals) -> None:
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


def _counters(tap: Portals) -> Counters | None:
    """The counters of a connection by statement; None where it cannot be asked."""
    rows = tap.ask(_COUNTERS)
    return (
        None if rows is None else {name or b"": (int(custom or 0), int(generic or 0)) for name, custom, generic in rows}
    )
