"""From a psycopg2 cursor to a call: what was sent, on which connection, with what result."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextvars import Token
from time import perf_counter
from typing import Any

from pytest_perfbudget.capture.hub import CURRENT, Hub
from pytest_perfbudget.capture.psycopg2_notices import Notices, notices_of
from pytest_perfbudget.capture.record import Call

Watched = Callable[[], Hub | None]


def begin(watched: Watched, cursor: Any) -> Call | None:
    """A call on a watched database; None where nothing is to be recorded."""
    hub, connection = watched(), cursor.connection
    if hub is None or connection is None or connection.closed:
        return None
    notices = connection.notices
    if type(notices) is not Notices:
        if connection.info.dbname not in hub.databases:
            return None
        notices = notices_of(connection, watched)
    tap = notices.tap
    if tap.database not in hub.databases or (call := hub.begin()) is None:
        return None
    hub.taps.add(tap)
    tap.enter(call.recording)
    call.standby = tap.standby
    return call


def run(watched: Watched, cursor: Any, method: Callable[[], Any], *, copy: bool = False) -> Any:
    """What ``method`` of the cursor returns, recorded as one statement."""
    __tracebackhide__ = True
    if (call := begin(watched, cursor)) is None:
        return method()
    before, token = cursor.query, CURRENT.set(call)
    try:
        result = method()
        if copy:
            cursor.connection.poll()  # psycopg2 reads the notices of a COPY with the next statement, or here
    except BaseException as error:
        _failed(call, cursor, error, before)
        raise
    finally:
        CURRENT.reset(token)
    _sent(call, cursor, copy)
    return result


class Sets:
    """The sets of an executemany: psycopg2 sends a statement for each, and asks for the next when it has its answer."""

    def __init__(self, watched: Watched, cursor: Any, sets: Iterable[Any]) -> None:
        self._watched, self._cursor, self._sets = watched, cursor, sets
        self._call: Call | None = None
        self._token: Token[Call | None] | None = None
        self._before: Any = None

    def __iter__(self) -> Iterator[Any]:
        __tracebackhide__ = True
        for one in self._sets:
            self.answered()
            self._before = self._cursor.query
            self._call = begin(self._watched, self._cursor)
            self._token = CURRENT.set(self._call)
            yield one

    def answered(self, error: BaseException | None = None) -> None:
        """The last one that was asked for has its answer, or failed."""
        if self._token is not None:
            CURRENT.reset(self._token)
        call, self._call, self._token = self._call, None, None
        if call is not None and error is not None:
            _failed(call, self._cursor, error, self._before)
        elif call is not None:
            _sent(call, self._cursor, copy=False)


def _sent(call: Call, cursor: Any, copy: bool) -> None:
    call.duration, call.query = perf_counter() - call.started, _text(cursor)
    tap = cursor.connection.notices.tap
    if cursor.name and not copy:
        tap.cursors[cursor.name] = call
        tap.declared(call)
    elif cursor.connection.async_:
        call.rows, call.owed = None, 1
        tap.wait(call)
    else:
        fetched = cursor.description is not None or (copy and b"TO STDOUT" in call.query.upper())
        call.rows = max(cursor.rowcount, 0) if fetched else 0


def _failed(call: Call, cursor: Any, error: BaseException, before: Any) -> None:
    """What never left (a wrong placeholder, a closed cursor) was no statement."""
    call.duration = perf_counter() - call.started
    call.error = getattr(error, "pgcode", None) or type(error).__name__
    call.sent = cursor.query is not None and cursor.query is not before
    if call.sent:
        call.query = _text(cursor)


def _text(cursor: Any) -> bytes:
    """The SQL the server got, in UTF-8."""
    query, encoding = bytes(cursor.query or b""), cursor.connection.encoding
    if encoding in ("UTF8", "UNICODE", "SQL_ASCII"):
        return query
    from psycopg2.extensions import encodings

    return query.decode(encodings[encoding], "replace").encode()


def fetched(cursor: Any, started: float, rows: int, turns: int = 1) -> None:
    """Rows of a named cursor, and the round trips it took to have them."""
    notices = cursor.connection.notices
    call = notices.tap.cursors.get(cursor.name) if hasattr(notices, "tap") else None
    if call is not None:
        call.rows = (call.rows or 0) + rows
        call.round_trips += turns
        call.duration += perf_counter() - started
