"""The public methods of psycopg's asynchronous cursors, as :mod:`~pytest_perfbudget.capture.psycopg3_sync` does.

Awaiting frames are on the stack while a coroutine runs, so the call site is found as in synchronous code.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import Token
from functools import wraps
from typing import Any

from pytest_perfbudget.capture.hub import CURRENT
from pytest_perfbudget.capture.psycopg3_calls import (
    Counted,
    asked,
    begin,
    copied_out,
    failed,
    measure_copy,
    sent,
    sent_many,
)
from pytest_perfbudget.capture.psycopg3_sync import Method, Returned, Watch, reset
from pytest_perfbudget.capture.record import Call


def execute(original: Method, watch: Watch, returned: Returned = sent) -> Method:
    @wraps(original)
    async def execute(self: Any, query: Any, params: Any = None, **options: Any) -> Any:
        __tracebackhide__ = True
        if (call := begin(watch.hub, self)) is None:
            return await original(self, query, params, **options)
        if options:
            asked(call, options)
        token = CURRENT.set(call)
        try:
            result = await original(self, query, params, **options)
        except BaseException as error:
            failed(call, self, error, query)
            raise
        finally:
            CURRENT.reset(token)
        returned(call, self, query)
        return result

    return execute


def executemany(original: Method, watch: Watch) -> Method:
    @wraps(original)
    async def executemany(self: Any, query: Any, params_seq: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        if (call := begin(watch.hub, self)) is None:
            return await original(self, query, params_seq, **options)
        sets = Counted(params_seq)
        token = CURRENT.set(call)
        try:
            await original(self, query, sets, **options)
        except BaseException as error:
            call.calls = sets.n
            failed(call, self, error, query)
            raise
        finally:
            CURRENT.reset(token)
        sent_many(call, self, query, sets, options.get("returning"))
        return None

    return executemany


def stream(original: Method, watch: Watch) -> Method:
    @wraps(original)
    async def stream(self: Any, query: Any, params: Any = None, **options: Any) -> AsyncIterator[Any]:
        __tracebackhide__ = True
        rows = original(self, query, params, **options)
        if (call := begin(watch.hub, self)) is None:
            try:
                async for row in rows:
                    yield row
            finally:
                await rows.aclose()
            return
        fetched, result = 0, None
        call.fetched = "stream"
        try:
            async for row in _stepped(rows, call):
                fetched += 1
                if self.pgresult is not result:
                    result = self.pgresult
                    call.measure(result)
                yield row
        except GeneratorExit:
            await _closed(rows, call)
            raise
        except BaseException as error:
            failed(call, self, error, query)
            raise
        finally:
            if call.error is None:
                sent(call, self, query)
            call.rows = fetched

    return stream


async def _stepped(rows: AsyncIterator[Any], call: Call) -> AsyncIterator[Any]:
    """The rows, the call being the current one while the driver works and not while the application does."""
    while True:
        token = CURRENT.set(call)
        try:
            row = await anext(rows)
        except StopAsyncIteration:
            return
        finally:
            CURRENT.reset(token)
        yield row


async def _closed(rows: Any, call: Call) -> None:
    """The application stopped reading: psycopg cancels the query, and what it reads then is this call's."""
    token = CURRENT.set(call)
    try:
        await rows.aclose()
    finally:
        CURRENT.reset(token)


def copy(original: Method, watch: Watch) -> Method:
    @wraps(original)
    def copy(self: Any, statement: Any, params: Any = None, **options: Any) -> Any:
        # Not a generator: the call site is the line that asked for the COPY.
        if (call := begin(watch.hub, self)) is None:
            return original(self, statement, params, **options)
        call.sent, call.fetched = False, "copy"
        return _copying(call, self, original(self, statement, params, **options), statement)

    return copy


@asynccontextmanager
async def _copying(call: Call, cursor: Any, entered: Any, statement: Any) -> AsyncIterator[Any]:
    __tracebackhide__ = True
    tap = cursor.connection.pgconn.notice_handler
    token: Token[Call | None] | None = CURRENT.set(call)
    try:
        async with entered as copying:
            # The cursor holds the connection's lock now: what is read until the end is this COPY's.
            reset(token)
            tap.stepping, token = call, None
            measure_copy(call, copying)
            yield copying
    except BaseException as error:
        failed(call, cursor, error, statement)
        raise
    finally:
        tap.stepping = None
        reset(token)
    sent(call, cursor, statement)
    call.rows = copied_out(cursor)
