"""The methods of asyncpg's ``Protocol``, each with its statement reported.

The application's exceptions pass as they are; ``__tracebackhide__`` keeps our frames out of pytest's tracebacks.
Notices are read by the event loop and not by the task that waits for them: a connection's tap knows the call under way.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from time import perf_counter
from typing import Any

from pytest_perfbudget.capture.asyncpg_calls import (
    Sets,
    begin,
    copied,
    cursor_of,
    describe,
    failed,
    prepared,
    returned,
    selected,
    sent,
    turned,
)
from pytest_perfbudget.capture.asyncpg_tap import TAP, tap_of
from pytest_perfbudget.capture.hub import Hub

Method = Callable[..., Any]
Watched = Callable[[], Hub | None]


def prepare(original: Method, hub: Watched) -> Method:
    """The round trip is counted with the next execution; one that fails is the statement's failure."""

    @wraps(original)
    async def prepare(self: Any, stmt_name: str, query: str, timeout: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        current = hub()
        recording = current.current() if current is not None else None
        if current is None or recording is None or (tap := tap_of(self, current)) is None:
            return await original(self, stmt_name, query, timeout, **options)
        started = perf_counter()
        try:
            statement = await original(self, stmt_name, query, timeout, **options)
        except BaseException as error:
            if (call := begin(current, self)) is not None:
                call.query, call.started = query.encode(), started
                failed(call, error, left=True)
            raise
        tap.enter(recording)
        tap.prepared[statement.name] = perf_counter() - started
        return statement

    return prepare


def bind_execute(original: Method, hub: Watched) -> Method:
    @wraps(original)
    async def bind_execute(
        self: Any, state: Any, args: Any, portal_name: str, limit: int, return_extra: bool, timeout: Any
    ) -> Any:
        __tracebackhide__ = True
        if (call := begin(hub(), self)) is None:
            return await original(self, state, args, portal_name, limit, return_extra, timeout)
        tap, count = self.__dict__[TAP], self.queries_count
        describe(call, tap, state, args)
        # As in ``sent``, which would be one coroutine more for almost every statement.
        before, tap.stepping = tap.stepping, call
        try:
            result = await original(self, state, args, portal_name, limit, return_extra, timeout)
        except BaseException as error:
            failed(call, error, left=self.queries_count > count)
            raise
        finally:
            tap.stepping = before
            call.duration += perf_counter() - call.started
        call.rows = len(result[0] if return_extra else result)
        returned(call, self, portal_name)
        return result

    return bind_execute


def bind_execute_many(original: Method, hub: Watched) -> Method:
    @wraps(original)
    async def bind_execute_many(
        self: Any, state: Any, args: Any, portal_name: str, timeout: Any, **options: Any
    ) -> Any:
        __tracebackhide__ = True
        if (call := begin(hub(), self)) is None:
            return await original(self, state, args, portal_name, timeout, **options)
        sets = Sets(args)
        try:
            result = await sent(call, self, original(self, state, sets, portal_name, timeout, **options))
        finally:
            call.calls = sets.n
            describe(call, self.__dict__[TAP], state, sets.last)
        call.rows = len(result or ())
        returned(call, self, portal_name)
        return result

    return bind_execute_many


def bind(original: Method, hub: Watched) -> Method:
    """A cursor is opened: what it fetches comes with ``execute``."""

    @wraps(original)
    async def bind(self: Any, state: Any, args: Any, portal_name: str, timeout: Any) -> Any:
        __tracebackhide__ = True
        if (call := begin(hub(), self)) is None:
            return await original(self, state, args, portal_name, timeout)
        describe(call, self.__dict__[TAP], state, args)
        result = await sent(call, self, original(self, state, args, portal_name, timeout), left=True)
        returned(call, self, portal_name)
        return result

    return bind


def execute(original: Method, hub: Watched) -> Method:
    """A cursor's next rows."""

    @wraps(original)
    async def execute(self: Any, state: Any, portal_name: str, limit: int, return_extra: bool, timeout: Any) -> Any:
        __tracebackhide__ = True
        started = perf_counter()
        result = await original(self, state, portal_name, limit, return_extra, timeout)
        if (call := cursor_of(self, portal_name)) is not None:
            call.rows = (call.rows or 0) + len(result[0] if return_extra else result)
            turned(call, started)
        return result

    return execute


def close_portal(original: Method, hub: Watched) -> Method:
    @wraps(original)
    async def close_portal(self: Any, portal_name: str, timeout: Any) -> Any:
        __tracebackhide__ = True
        started = perf_counter()
        await original(self, portal_name, timeout)
        if (call := cursor_of(self, portal_name)) is not None:
            turned(call, started)
            del self.__dict__[TAP].cursors[portal_name]

    return close_portal


def query(original: Method, hub: Watched) -> Method:
    """The simple protocol: ``Connection.execute`` without arguments, and a cursor that skips rows."""

    @wraps(original)
    async def query(self: Any, query: str, timeout: Any) -> Any:
        __tracebackhide__ = True
        started = perf_counter()
        if query.startswith("MOVE FORWARD ") and (cursor := cursor_of(self, query.rpartition(" ")[2])) is not None:
            moved = await original(self, query, timeout)
            turned(cursor, started)
            return moved
        if (call := begin(hub(), self)) is None:
            return await original(self, query, timeout)
        call.query = query.encode()
        status = await sent(call, self, original(self, query, timeout))
        call.rows = selected(status)
        returned(call, self)
        return status

    return query


def copy_out(original: Method, hub: Watched) -> Method:
    @wraps(original)
    async def copy_out(self: Any, copy_stmt: str, sink: Any, timeout: Any) -> Any:
        __tracebackhide__ = True
        if (call := begin(hub(), self)) is None:
            return await original(self, copy_stmt, sink, timeout)
        call.query = copy_stmt.encode()
        status = await sent(call, self, original(self, copy_stmt, sink, timeout), left=True)
        call.rows = copied(status)
        returned(call, self)
        return status

    return copy_out


def copy_in(original: Method, hub: Watched) -> Method:
    @wraps(original)
    async def copy_in(self: Any, copy_stmt: str, reader: Any, data: Any, records: Any, state: Any, timeout: Any) -> Any:
        __tracebackhide__ = True
        if (call := begin(hub(), self)) is None:
            return await original(self, copy_stmt, reader, data, records, state, timeout)
        call.query = copy_stmt.encode()
        if state is not None:
            prepared(call, self.__dict__[TAP], state)
        copying = original(self, copy_stmt, reader, data, records, state, timeout)
        status = await sent(call, self, copying, left=True)
        returned(call, self)
        return status

    return copy_in


WRAPPERS = (prepare, bind_execute, bind_execute_many, bind, execute, close_portal, query, copy_out, copy_in)
"""Each of the name of its method."""


def of_the_driver(original: Method, hub: Watched) -> Method:
    """A method whose statements are asyncpg's own."""

    @wraps(original)
    async def method(*args: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        if (current := hub()) is None:
            return await original(*args, **options)
        with current.mute():
            return await original(*args, **options)

    return method


def located(original: Method, hub: Watched) -> Method:
    """A public method: it is called at the user's line, and awaited there or elsewhere."""

    @wraps(original)
    def method(*args: Any, **options: Any) -> Any:
        current, coroutine = hub(), original(*args, **options)
        return coroutine if current is None else current.located(coroutine)

    mark = getattr(inspect, "markcoroutinefunction", None)  # of Python 3.12
    return mark(method) if mark is not None else method
