"""From a psycopg cursor to a call: what was sent, on which connection, with what result."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from time import perf_counter
from typing import Any
from weakref import ref

from pytest_perfbudget.capture.hub import Hub
from pytest_perfbudget.capture.record import Call
from pytest_perfbudget.capture.tap import Tap
from pytest_perfbudget.pool.pipeline import outstanding
from pytest_perfbudget.pool.prepared import explain

_INTRANS = 2
"""PQTRANS_INTRANS: idle, within a transaction block."""


def begin(hub: Hub | None, cursor: Any) -> Call | None:
    """A call on a watched database; None where nothing is to be recorded. Taps the connection at first sight."""
    if hub is None:
        return None
    tap = tap_of(cursor, hub)
    if tap is None or (call := hub.begin()) is None:
        return None
    tap.enter(call.recording)
    call.standby = tap.standby
    if cursor.connection.pgconn.pipeline_status:
        _join_pipeline(call, tap, cursor.connection)
    return call


def tap_of(cursor: Any, hub: Hub) -> Tap | None:
    """The tap of the cursor's connection; None where it is not to a watched database or is closed."""
    pgconn = cursor.connection.pgconn
    handler = pgconn.notice_handler
    if type(handler) is Tap:
        return handler if handler.database in hub.databases and not pgconn.status else None
    if pgconn.status or (database := pgconn.db.decode()) not in hub.databases:
        return None
    tap = pgconn.notice_handler = Tap(database, handler, cursor.connection)
    hub.taps.add(tap)
    return tap


def sent(call: Call, cursor: Any, query: Any, params: Any) -> None:
    """The driver's method returned: the text the server got, the rows that came with it."""
    call.duration, call.sent = perf_counter() - call.started, True
    _server_side(call, cursor, query, params)
    if call.owed:
        call.rows = None
        call.owed = call.calls
        cursor.connection.pgconn.notice_handler.wait(call)
    else:
        call.rows = _rows(cursor)
        _returned(call, cursor)


def sent_many(call: Call, cursor: Any, query: Any, sets: Counted, returning: object) -> None:
    """An executemany returned. It is a pipeline of its own: the results it returns are one turn, its end another."""
    call.calls = sets.n
    if returning and sets.n and not call.owed:
        call.round_trips += 1
    sent(call, cursor, query, None)


def _returned(call: Call, cursor: Any) -> None:
    pgconn = cursor.connection.pgconn
    pgconn.notice_handler.returned(call, pgconn.transaction_status == _INTRANS)


def failed(call: Call, cursor: Any, error: BaseException, query: Any, params: Any) -> None:
    """The driver's method raised. What never left (a wrong placeholder, a closed cursor) was no statement."""
    explain(error)
    call.duration = perf_counter() - call.started
    call.owed = 0
    state = getattr(error, "sqlstate", None)
    call.error = state or type(error).__name__
    call.sent = state is not None or getattr(cursor, "_query", None) is not None
    if call.sent:
        _server_side(call, cursor, query, params)


class Counted:
    """The parameter sets of an executemany, counted as the driver takes them."""

    def __init__(self, sets: Iterable[Any]) -> None:
        self.n = 0
        self._sets = sets

    def __iter__(self) -> Iterator[Any]:
        for one in self._sets:
            self.n += 1
            yield one


def _join_pipeline(call: Call, tap: Tap, connection: Any) -> None:
    """In the application's pipeline the first call after each wait for results pays the round trip; plans come when its
    results do.

    ``_pipeline`` is private to psycopg: without it each call counts as a pipeline of its own.
    """
    pipeline = getattr(connection, "_pipeline", None)
    joined = pipeline is not None and tap.pipeline is not None and tap.pipeline() is pipeline
    call.round_trips = 0 if joined and outstanding(pipeline) else 1
    tap.pipeline = ref(pipeline) if pipeline is not None else None
    tap.last_piped = call
    call.owed = 1


def synced(pipeline: Any) -> None:
    """A pipeline is about to be synced, by the application or at its end: a round trip of its own where every result
    has been fetched. The last call pays it; a pipeline without any has none to pay."""
    tap = pipeline.pgconn.notice_handler
    if type(tap) is not Tap or tap.last_piped is None or tap.pipeline is None or tap.pipeline() is not pipeline:
        return
    if not outstanding(pipeline):
        tap.last_piped.round_trips += 1


def _server_side(call: Call, cursor: Any, query: Any, params: Any) -> None:
    """What libpq was given: psycopg's ``PostgresQuery``, which is private.

    psycopg keeps none for a prepared statement, so it is made again from the same arguments; a psycopg that has
    neither leaves the client's text.
    """
    converted = getattr(cursor, "_query", None)
    try:
        converted = converted or cursor._convert_query(query, params)
        call.query, call.params = bytes(converted.query), converted.params
        call.types, call.formats = converted.types, converted.formats
    except Exception:
        call.query = client_text(query, cursor)


def client_text(query: Any, cursor: Any) -> bytes:
    """The text as the application wrote it."""
    if isinstance(query, bytes):
        return query
    as_bytes = getattr(query, "as_bytes", None)
    return bytes(as_bytes(cursor)) if as_bytes else str(query).encode()


def _rows(cursor: Any) -> int:
    """Rows the server sent, of every result: an UPDATE that returns nothing fetched none."""
    results = getattr(cursor, "_results", None) or [cursor.pgresult]
    return sum(result.ntuples for result in results if result is not None)


def copied_out(cursor: Any) -> int:
    """Rows a COPY TO gave; a COPY FROM fetches none."""
    from psycopg.pq import ExecStatus

    results = getattr(cursor, "_results", None) or []
    if not any(result.status == ExecStatus.COPY_OUT for result in results):
        return 0
    return max(int(cursor.rowcount), 0)
