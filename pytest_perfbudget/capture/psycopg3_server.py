"""Server-side cursors: rows and round trips are those of the fetches, the plan arrives when the cursor is closed."""

from __future__ import annotations

from functools import wraps
from time import perf_counter
from typing import Any

from pytest_perfbudget.capture.psycopg3_calls import sent
from pytest_perfbudget.capture.psycopg3_sync import Method, Watch
from pytest_perfbudget.capture.record import Call
from pytest_perfbudget.capture.tap import Tap


def declared(call: Call, cursor: Any, query: Any) -> None:
    """The DECLARE returned: fetches are added to its call, which waits for its plan."""
    sent(call, cursor, query)
    call.fetched = "cursor"
    tap = cursor.connection.pgconn.notice_handler
    tap.cursors[cursor.name] = call
    tap.declared(call)


def fetch(original: Method, watch: Watch) -> Method:
    """``fetchone``, ``fetchmany``, ``fetchall``: one round trip each."""

    one = original.__name__ == "fetchone"

    @wraps(original)
    def fetch(self: Any, *args: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        started = perf_counter()
        rows = original(self, *args, **options)
        _fetched(self, rows, started, one)
        return rows

    return fetch


def fetch_async(original: Method, watch: Watch) -> Method:
    one = original.__name__ == "fetchone"

    @wraps(original)
    async def fetch(self: Any, *args: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        started = perf_counter()
        rows = await original(self, *args, **options)
        _fetched(self, rows, started, one)
        return rows

    return fetch


def step(original: Method, watch: Watch) -> Method:
    """``__next__``: a round trip for each ``itersize`` rows, the one that finds the end included."""

    @wraps(original)
    def __next__(self: Any) -> Any:  # noqa: N807
        __tracebackhide__ = True
        call, started = _call(self), perf_counter()
        if call is not None and call.iterated % self.itersize == 0:
            call.round_trips += 1
        row = original(self)
        _stepped(call, started, self)
        return row

    return __next__


def step_async(original: Method, watch: Watch) -> Method:
    @wraps(original)
    async def __anext__(self: Any) -> Any:  # noqa: N807
        __tracebackhide__ = True
        call, started = _call(self), perf_counter()
        if call is not None and call.iterated % self.itersize == 0:
            call.round_trips += 1
        row = await original(self)
        _stepped(call, started, self)
        return row

    return __anext__


def _call(cursor: Any) -> Call | None:
    """The DECLARE of this cursor, if it was recorded."""
    tap = cursor.connection.pgconn.notice_handler
    return tap.cursors.get(cursor.name) if type(tap) is Tap else None


def _fetched(cursor: Any, rows: Any, started: float, one: bool) -> None:
    """``rows`` is a list, or with ``one`` a single row (of any type: a row factory made it) or None."""
    if (call := _call(cursor)) is None:
        return
    call.rows = (call.rows or 0) + (int(rows is not None) if one else len(rows))
    call.measure(cursor.pgresult)
    call.round_trips += 1
    call.duration += perf_counter() - started


def _stepped(call: Call | None, started: float, cursor: Any) -> None:
    if call is None:
        return
    if call.iterated % cursor.itersize == 0:  # the first row of a fetch
        call.measure(cursor.pgresult)
    call.iterated += 1
    call.rows = (call.rows or 0) + 1
    call.duration += perf_counter() - started
