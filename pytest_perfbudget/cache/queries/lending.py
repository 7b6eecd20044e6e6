"""A connection for a read: taken from the pool when a statement needs it, given back when its transaction has ended.

What a read asks of Redis, the time it waits for another caller's entry, and what it makes of a result occupy no
connection.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager, AsyncExitStack, ExitStack
from types import TracebackType
from typing import Any, TypeVar

from psycopg import AsyncConnection, Connection, pq

from pytest_perfbudget.errors import CacheError

_OPEN = (pq.TransactionStatus.ACTIVE, pq.TransactionStatus.INTRANS)

_P = TypeVar("_P")


def lends(pool: _P) -> _P:
    """The pool, if it is one.

    Raises:
        CacheError: it has no ``connection()``.
    """
    if not callable(getattr(pool, "connection", None)):
        what = type(pool).__name__
        raise CacheError(
            f"a {what} is no pool", remedy="give one that lends connections: psycopg_pool.ConnectionPool(dsn)"
        )
    return pool


class Lending:
    """``last`` is the connection of the last statement, for reading its settings; it may be another caller's by now."""

    def __init__(self, lend: Callable[[], AbstractContextManager[Connection[Any]]]) -> None:
        self._lend, self._stack = lend, ExitStack()
        self._held: Connection[Any] | None = None
        self.last: Connection[Any] | None = None

    def __enter__(self) -> Lending:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._held = None
        self._stack.__exit__(kind, error, traceback)

    def taken(self) -> Connection[Any]:
        """The connection, from the pool if none is held."""
        if self._held is None:
            self._held = self.last = self._stack.enter_context(self._lend())
        return self._held

    def rest(self) -> None:
        """Given back unless a transaction is open; one that failed is rolled back."""
        if self._held and self._held.info.transaction_status not in _OPEN:
            self._held = None
            self._stack.close()


class AsyncLending:
    """The same of async connections."""

    def __init__(self, lend: Callable[[], AbstractAsyncContextManager[AsyncConnection[Any]]]) -> None:
        self._lend, self._stack = lend, AsyncExitStack()
        self._held: AsyncConnection[Any] | None = None
        self.last: AsyncConnection[Any] | None = None

    async def __aenter__(self) -> AsyncLending:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._held = None
        await self._stack.__aexit__(kind, error, traceback)

    async def taken(self) -> AsyncConnection[Any]:
        """The connection, from the pool if none is held."""
        if self._held is None:
            self._held = self.last = await self._stack.enter_async_context(self._lend())
        return self._held

    async def rest(self) -> None:
        """Given back unless a transaction is open; one that failed is rolled back."""
        if self._held and self._held.info.transaction_status not in _OPEN:
            self._held = None
            await self._stack.aclose()
