"""From a psycopg cursor to a call: what was sent, on which connection, with what result."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import wraps
from time import perf_counter
from typing import Any
from weakref import ref

from pytest_perfbudget.capture.hub import CURRENT, Hub
from pytest_perfbudget.capture.record import Call
from pytest_perfbudget.capture.tap import Tap
from pytest_perfbudget.pool.pipeline import outstanding
from pytest_perfbudget.pool.prepared import explain

_INTRANS = 2
"""PQTRANS_INTRANS: idle, within a transaction block."""


def begin(hub: Hub | None, cursor: Any) -> Call | None:
    """A call on a watched database; None where nothing is to be recorded. Taps the connection at first sight.

    To be called by the watched method itself. This, ``sent`` and what they call run for every statement, with the
    processor's caches full of something else: a function more costs a microsecond.
    """
    if hub is None:
        return None
    pgconn = pgconn_of(cursor)
    tap = pgconn.notice_handler
    if type(tap) is not Tap or pgconn.status or tap.database not in hub.databases:
        tap = _tapped(cursor, hub)
    if tap is None or (call := hub.begin(2)) is None:
        return None
    if tap.recording is not call.recording:
        tap.enter(call.recording)
    call.standby, call.prepares = tap.standby, tap.prepares
    if pgconn.pipeline_status:
        _join_pipeline(call, tap, cursor)
    return call


def pgconn_of(cursor: Any) -> Any:
    """``cursor.connection.pgconn``, without the property's function where psycopg has its private attribute."""
    try:
        return cursor._conn.pgconn
    except AttributeError:
        return cursor.connection.pgconn


def _tapped(cursor: Any, hub: Hub) -> Tap | None:
    """The tap of a connection not seen before; None where it is not to a watched database or is closed."""
    pgconn = cursor.connection.pgconn
    handler = pgconn.notice_handler
    if type(handler) is Tap or pgconn.status or (database := pgconn.db.decode()) not in hub.databases:
        return None
    tap = pgconn.notice_handler = Tap(database, handler, cursor.connection)
    hub.taps.add(tap)
    return tap


def sent(call: Call, cursor: Any, query: Any) -> None:
    """The driver's method returned: the text the server got, the rows that came with it."""
    call.duration, call.sent = perf_counter() - call.started, True
    if call.converted is None:
        call.query = call.query or client_text(query, cursor)
    else:
        call.take()
        call.converted = None
    pgconn = pgconn_of(cursor)
    if call.owed:
        call.rows = None
        call.owed = call.calls
        pgconn.notice_handler.wait(call)
        return
    results = getattr(cursor, "_results", None) or [cursor.pgresult]
    # Rows the server sent, of every result: an UPDATE that returns nothing fetched none.
    call.rows = results[0].ntuples if len(results) == 1 and results[0] else _rows(results)
    if call.recording.measures and call.fetched == "whole":
        for result in results:
            call.measure(result)
    tap = pgconn.notice_handler
    in_transaction = pgconn.transaction_status == _INTRANS
    if in_transaction or tap.portal is not None:
        tap.returned(call, in_transaction)


def sent_many(call: Call, cursor: Any, query: Any, sets: Counted, returning: object) -> None:
    """An executemany returned. It is a pipeline of its own: the results it returns are one turn, its end another."""
    call.calls = sets.n
    if returning and sets.n and not call.owed:
        call.round_trips += 1
    sent(call, cursor, query)


def failed(call: Call, cursor: Any, error: BaseException, query: Any) -> None:
    """The driver's method raised. What never left (a wrong placeholder, a closed cursor) was no statement."""
    explain(error)
    if call.owed and _of_another(error, call, cursor):
        sent(call, cursor, query)
        return
    call.duration = perf_counter() - call.started
    call.owed = 0
    state = getattr(error, "sqlstate", None)
    call.error = call.error or _named(error)
    call.sent = state is not None or call.converted is not None
    if call.sent:
        call.take()
        call.query = call.query or client_text(query, cursor)
    call.converted = None


def _of_another(error: BaseException, call: Call, cursor: Any) -> bool:
    """Whether a method raised, in a pipeline, the error of a statement before its own: that of a result that had
    arrived by then, while its own is still to come."""
    if call.converted is None or pgconn_of(cursor).status or not _from_result(error):
        return False
    queue = getattr(getattr(cursor.connection, "_pipeline", None), "result_queue", ())
    return any(queued is not None and queued[0] is cursor for queued in queue)


def _from_result(error: BaseException) -> bool:
    """Whether the server has said so; what psycopg or the application raise themselves has no SQLSTATE."""
    return getattr(error, "sqlstate", None) is not None or type(error).__name__ == "PipelineAborted"


class Counted:
    """The parameter sets of an executemany, counted as the driver takes them."""

    def __init__(self, sets: Iterable[Any]) -> None:
        self.n = 0
        self._sets = sets

    def __iter__(self) -> Iterator[Any]:
        for one in self._sets:
            self.n += 1
            yield one


def asked(call: Call, options: Mapping[str, Any]) -> None:
    """``prepare=True`` prepares the statement at once, ``prepare=False`` never."""
    if (prepare := options.get("prepare")) is not None:
        call.prepares = 0 if prepare else None


def _join_pipeline(call: Call, tap: Tap, cursor: Any) -> None:
    """In the application's pipeline the first call after each wait for results pays the round trip; plans come when its
    results do.

    ``_pipeline`` is private to psycopg: without it each call counts as a pipeline of its own.
    """
    pipeline = getattr(cursor.connection, "_pipeline", None)
    joined = pipeline is not None and tap.pipeline is not None and tap.pipeline() is pipeline
    call.round_trips = 0 if joined and outstanding(pipeline) else 1
    tap.pipeline = ref(pipeline) if pipeline is not None else None
    tap.last_piped = call
    call.owed, call.cursor = 1, ref(cursor)


def synced(pipeline: Any) -> None:
    """A pipeline is about to be synced, by the application or at its end: a round trip of its own where every result
    has been fetched. The last call pays it; a pipeline without any has none to pay."""
    tap = pipeline.pgconn.notice_handler
    if type(tap) is not Tap or tap.last_piped is None or tap.pipeline is None or tap.pipeline() is not pipeline:
        return
    if not outstanding(pipeline):
        tap.last_piped.round_trips += 1


def converting(original: Callable[..., Any]) -> Callable[..., Any]:
    """``_convert_query`` of psycopg's cursors, which is private: it makes the ``PostgresQuery`` that is sent."""

    @wraps(original)
    def _convert_query(self: Any, *args: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        converted = original(self, *args, **options)
        if (call := CURRENT.get()) is not None:
            call.converted = converted
        return converted

    return _convert_query


def raising(original: Callable[..., Any]) -> Callable[..., Any]:
    """``_raise_for_result`` of psycopg's cursors, which is private: in a pipeline a statement fails when its method has
    returned, and without this it has no error."""

    @wraps(original)
    def _raise_for_result(self: Any, result: Any) -> Any:
        __tracebackhide__ = True
        try:
            return original(self, result)
        except Exception as error:
            if type(tap := pgconn_of(self).notice_handler) is Tap:
                tap.failed(self, _named(error))
            raise

    return _raise_for_result


def _named(error: BaseException) -> str:
    state: str | None = getattr(error, "sqlstate", None)
    return state or type(error).__name__


def client_text(query: Any, cursor: Any) -> bytes:
    """The text as the application wrote it."""
    if isinstance(query, bytes):
        return query
    as_bytes = getattr(query, "as_bytes", None)
    return bytes(as_bytes(cursor)) if as_bytes else str(query).encode()


def _rows(results: Sequence[Any]) -> int:
    return sum(result.ntuples for result in results if result is not None)


def measure_copy(call: Call, copying: Any) -> None:
    """Count what a COPY reads, where that was asked for. ``_read_gen`` is private to psycopg: without it none is."""
    read = getattr(copying, "_read_gen", None)
    if read is None or not call.recording.measures:
        return

    def _read_gen() -> Any:
        data = yield from read()
        call.size = (call.size or 0) + len(data)
        return data

    copying._read_gen = _read_gen


def copied_out(cursor: Any) -> int:
    """Rows a COPY TO gave; a COPY FROM fetches none."""
    from psycopg.pq import ExecStatus

    results = getattr(cursor, "_results", None) or []
    if not any(result.status == ExecStatus.COPY_OUT for result in results):
        return 0
    return max(int(cursor.rowcount), 0)
