"""Hits of the query cache, compared with what their statements give in the same snapshot."""

from __future__ import annotations

import reprlib
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any

import psycopg

from pytest_perfbudget.cache.queries import entries
from pytest_perfbudget.cache.queries.calls import Parameters
from pytest_perfbudget.model.cache import Stale
from pytest_perfbudget.model.unwatched import unwatched
from pytest_perfbudget.sites import Site
from pytest_perfbudget.statements import one_line

ALL = 200
"""As many reads of a test are looked at one by one; of later ones each sixteenth."""

_SIXTEENTH = 16
_WIDTH = 300
"""Characters that are shown of a statement or a result."""

_PATIENCE = 2.0
"""Seconds that a comparison waits for a lock: the test may hold it itself."""

_SNAPSHOT = b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT pg_current_snapshot()"
_SET = "SELECT name, setting FROM pg_settings WHERE source = 'session'"

Rows = list[tuple[Any, ...]]
Connect = Callable[[], "psycopg.Connection[Any]"]


@dataclass(slots=True)
class Read:
    """One read under way; ``rows`` are what the cache gave where that was a hit."""

    hit: bool = False
    rows: Rows = field(default_factory=list)


class Checker:
    """Compares on connections of its own, made by ``connect``, in autocommit. ``quiet`` keeps what it sends out of the
    test's statements. Thread-safe.

    ``hits`` were seen, ``checked`` of them compared. ``undecided`` counts those that were read while others wrote, so
    that nobody can say what they should be; ``why`` is the last reason why one could not be compared at all.
    """

    def __init__(self, connect: Connect, quiet: Callable[[], AbstractContextManager[None]] = nullcontext) -> None:
        self._connect, self._quiet = connect, quiet
        self._idle: list[psycopg.Connection[Any]] = []
        self._lock = threading.Lock()
        self._reads = 0
        self.hits = self.checked = self.undecided = 0
        self.why = ""
        self.stale: list[Stale] = []
        self._asked: dict[tuple[str, str], tuple[str, Parameters, Site | None]] = {}

    @contextmanager
    def reading(self, query: str, parameters: Parameters, site: Site | None, *, always: bool = False) -> Iterator[Read]:
        """Around one ``fetch``: the snapshot is taken before it, so that whatever was committed by then is in it."""
        read = Read()
        connection = self._snapshot() if self._sampled() or always else None
        try:
            yield read
            if read.hit:
                self._noted(query, parameters, site)
                if connection is not None:
                    self._compare(connection, query, parameters, site, read.rows)
        finally:
            if connection is not None:
                self._returned(connection)

    def sample(self) -> tuple[tuple[str, Parameters, Site | None], ...]:
        """Calls that were hits, each with the first line that made it; none where one was stale: that is known."""
        return () if self.stale else tuple(self._asked.values())

    @contextmanager
    def aside(self) -> Iterator[None]:
        """What is asked for meanwhile is not the test's: it counts for no budget."""
        with self._quiet(), unwatched():
            yield

    def close(self) -> None:
        """Close its connections."""
        while self._idle:
            self._idle.pop().close()

    def _sampled(self) -> bool:
        with self._lock:
            self._reads += 1
            return self._reads <= ALL or self._reads % _SIXTEENTH == 0

    def _noted(self, query: str, parameters: Parameters, site: Site | None) -> None:
        with self._lock:
            self.hits += 1
            if len(self._asked) < ALL:
                self._asked.setdefault((query, repr(parameters)), (query, parameters, site))

    def _snapshot(self) -> psycopg.Connection[Any] | None:
        """A connection that sees what was committed until now; None where there is none to be had."""
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        try:
            with self._quiet():
                if connection is None:
                    connection = self._connect()
                    connection.prepare_threshold = None
                    connection.execute(f"SET lock_timeout = {_PATIENCE * 1000:.0f}")
                connection.execute(_SNAPSHOT)
        except psycopg.Error as error:
            self.why = f"{type(error).__name__}: {error}"
            return None
        return connection

    def _returned(self, connection: psycopg.Connection[Any]) -> None:
        with self._quiet(), suppress(psycopg.Error):
            connection.rollback()
            with self._lock:
                self._idle.append(connection)

    def _compare(
        self, connection: psycopg.Connection[Any], query: str, parameters: Parameters, site: Site | None, rows: Rows
    ) -> None:
        """Where the two differ, somebody may have committed since the snapshot was taken: then a new one tells."""
        try:
            with self._quiet():
                before = after = _executed(connection, query, parameters)
                if not same(query, rows, before):
                    connection.rollback()
                    connection.execute(_SNAPSHOT)
                    after = _executed(connection, query, parameters)
        except psycopg.Error as error:
            self.why = f"{type(error).__name__}: {error}"
            return
        with self._lock:
            if same(query, rows, after) or same(query, rows, before):
                self.checked += 1
            elif same(query, before, after):
                self.checked += 1
                self.stale.append(_stale(query, parameters, site, rows, after))
            else:
                self.undecided += 1


def same(query: str, one: Rows, other: Rows) -> bool:
    """Whether two results are the same as far as the statement promises: without ORDER BY in any order."""
    left, right = list(map(repr, one)), list(map(repr, other))
    return left == right or ("order by" not in query.lower() and sorted(left) == sorted(right))


def like(connection: Any) -> Connect:
    """What makes connections of the same role, to the same database, with the settings this one was given. An async
    connection will do: its settings are read by :func:`settings` of it."""
    info = connection.info
    dsn, password, given = info.dsn, info.password, settings(connection)

    def connect() -> psycopg.Connection[Any]:
        made: psycopg.Connection[Any] = psycopg.connect(dsn, password=password or None, autocommit=True)
        for name, value in given:
            made.execute("SELECT set_config(%s, %s, false)", (name, value))
        return made

    return connect


def settings(connection: Any) -> list[tuple[str, str]]:
    """Those that were set in this session, asked of libpq itself: the connection may be of asyncio."""
    result = connection.pgconn.exec_(_SET.encode())
    values = ((result.get_value(row, 0), result.get_value(row, 1)) for row in range(result.ntuples))
    return [((name or b"").decode(), (value or b"").decode()) for name, value in values]


def _executed(connection: Any, query: str, parameters: Parameters) -> Rows:
    """The rows as a hit has them: loaded without a connection's time zone."""
    result = connection.execute(query, parameters).pgresult
    return entries.rows_of_result(result, None) if result else []


def _stale(query: str, parameters: Parameters, site: Site | None, cached: Rows, current: Rows) -> Stale:
    shown = reprlib.Repr()
    shown.maxlist, shown.maxtuple, shown.maxstring, shown.maxother = 5, 8, 60, 60
    asked = repr(parameters)
    return Stale(
        statement=one_line(query, _WIDTH),
        parameters=asked if len(asked) <= _WIDTH else f"{asked[:_WIDTH]}…",
        site=site,
        cached=_counted(cached, shown),
        current=_counted(current, shown),
    )


def _counted(rows: Rows, shown: reprlib.Repr) -> str:
    return f"{len(rows):,} rows  {shown.repr(rows)}" if len(rows) != 1 else f"1 row  {shown.repr(rows)}"
