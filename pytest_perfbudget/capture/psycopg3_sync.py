"""The public methods of psycopg's synchronous cursors, each with its statement reported.

The application's exceptions pass as they are; ``__tracebackhide__`` keeps our frames out of pytest's tracebacks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Token
from functools import wraps
from typing import Any, Protocol

from pytest_perfbudget.capture.hub import CURRENT, Hub
from pytest_perfbudget.capture.psycopg3_calls import (
    Counted,
    asked,
    begin,
    copied_out,
    failed,
    measure_copy,
    sent,
    sent_many,
    synced,
)
from pytest_perfbudget.capture.record import Call
from pytest_perfbudget.capture.tap import Tap

Method = Callable[..., Any]


class Watch(Protocol):
    """Who watches the methods: ``hub`` is None while nobody does."""

    hub: Hub | None


Returned = Callable[[Call, Any, Any], None]


def execute(original: Method, watch: Watch, returned: Returned = sent) -> Method:
    @wraps(original)
    def execute(self: Any, query: Any, params: Any = None, **options: Any) -> Any:
        __tracebackhide__ = True
        if (call := begin(watch.hub, self)) is None:
            return original(self, query, params, **options)
        if options:
            asked(call, options)
        token = CURRENT.set(call)
        try:
            result = original(self, query, params, **options)
        except BaseException as error:
            failed(call, self, error, query)
            raise
        finally:
            CURRENT.reset(token)
        returned(call, self, query)
        return result

    return execute


def sync(original: Method, watch: Watch) -> Method:
    """``sync`` and the end of a pipeline; of an async one too: what it awaits is the original's."""

    @wraps(original)
    def sync(self: Any, *args: Any) -> Any:
        __tracebackhide__ = True
        if watch.hub is not None:
            synced(self)
        return original(self, *args)

    return sync


def close(original: Method, watch: Watch) -> Method:
    """Of connections, async ones too: the plan of an open transaction's last statement would go with it."""

    @wraps(original)
    def close(self: Any) -> Any:
        __tracebackhide__ = True
        if watch.hub is not None and type(tap := self.pgconn.notice_handler) is Tap:
            tap.close_portal()
        return original(self)

    return close


def executemany(original: Method, watch: Watch) -> Method:
    @wraps(original)
    def executemany(self: Any, query: Any, params_seq: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        if (call := begin(watch.hub, self)) is None:
            return original(self, query, params_seq, **options)
        sets = Counted(params_seq)
        token = CURRENT.set(call)
        try:
            original(self, query, sets, **options)
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
    def stream(self: Any, query: Any, params: Any = None, **options: Any) -> Iterator[Any]:
        __tracebackhide__ = True
        rows = original(self, query, params, **options)
        if (call := begin(watch.hub, self)) is None:
            yield from rows
            return
        fetched, result = 0, None
        call.fetched = "stream"
        try:
            for row in _stepped(rows, call):
                fetched += 1
                if self.pgresult is not result:
                    result = self.pgresult
                    call.measure(result)
                yield row
        except GeneratorExit:
            _closed(rows, call, self)
            raise
        except BaseException as error:
            failed(call, self, error, query)
            raise
        finally:
            if call.error is None:
                sent(call, self, query)
            call.rows = fetched

    return stream


def _stepped(rows: Iterator[Any], call: Call) -> Iterator[Any]:
    """The rows, the call being the current one while the driver works and not while the application does."""
    while True:
        token = CURRENT.set(call)
        try:
            row = next(rows)
        except StopIteration:
            return
        finally:
            CURRENT.reset(token)
        yield row


def _closed(rows: Any, call: Call, cursor: Any) -> None:
    """The application stopped reading: psycopg cancels the query, and what it reads then is this call's."""
    token = CURRENT.set(call)
    try:
        rows.close()
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


@contextmanager
def _copying(call: Call, cursor: Any, entered: Any, statement: Any) -> Iterator[Any]:
    __tracebackhide__ = True
    tap = cursor.connection.pgconn.notice_handler
    token: Token[Call | None] | None = CURRENT.set(call)
    try:
        with entered as copying:
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


def reset(token: Token[Call | None] | None) -> None:
    if token is not None:
        CURRENT.reset(token)
