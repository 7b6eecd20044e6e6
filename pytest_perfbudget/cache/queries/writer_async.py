"""As :mod:`writer`, awaited."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from psycopg import AsyncConnection, AsyncCursor, pq

from pytest_perfbudget.cache.queries import commits, covering
from pytest_perfbudget.cache.queries.endings import Before, before
from pytest_perfbudget.cache.queries.state import State
from pytest_perfbudget.cache.queries.steps import Steps
from pytest_perfbudget.errors import CacheError

Drive = Callable[[Steps[None], AsyncConnection[Any]], Awaitable[None]]


class AsyncWriter:
    """What an application writes with; outside a ``transaction()`` the first statement begins one, as psycopg does."""

    def __init__(self, connection: AsyncConnection[Any], state: State, drive: Drive) -> None:
        self._connection, self._state, self._drive = connection, state, drive

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Committed at the end, rolled back on an exception."""
        kind = self._connection.cursor_factory
        self._connection.cursor_factory = _announcing(self, kind)
        try:
            yield
            await self.commit()
        except BaseException:
            if not self._connection.closed:
                await self.rollback()
            raise
        finally:
            self._connection.cursor_factory = kind

    def cursor(self, **options: Any) -> AsyncCursor[Any]:
        """A cursor of psycopg; not a named one."""
        found: AsyncCursor[Any] = self._connection.cursor(**options)
        return found

    async def execute(self, query: Any, parameters: Any = None, **options: Any) -> AsyncCursor[Any]:
        """Of psycopg's connection."""
        return await self.cursor().execute(query, parameters, **options)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """A transaction, or a savepoint within one."""
        if self.idle:
            await self.begin()
            try:
                yield
            except BaseException:
                await self.rollback()
                raise
            await self.commit()
        else:
            async with self._connection.transaction():
                yield

    async def begin(self) -> None:
        """Nothing within a transaction."""
        if self.idle:
            await self._plain(covering.BEGIN)

    @asynccontextmanager
    async def pipeline(self) -> AsyncIterator[Any]:
        """psycopg's pipeline within the transaction, which is begun before it; it can be committed after it only."""
        await self.begin()
        async with self._connection.pipeline() as pipeline:
            yield pipeline

    async def commit(self) -> None:
        """Returns when every read that begins now sees what was written.

        Raises:
            CacheError: a pipeline has not ended.
        """
        if self._connection.info.pipeline_status:
            raise CacheError("a commit within a pipeline cannot be announced", remedy="commit() after its end")
        match self._connection.info.transaction_status:
            case pq.TransactionStatus.IDLE:
                return
            case pq.TransactionStatus.INTRANS:
                await self._drive(commits.commit(self._state), self._connection)
            case _:
                await self.rollback()  # what COMMIT does in a transaction that has failed

    async def rollback(self) -> None:
        """Nothing was written, nothing is announced."""
        await self._connection.rollback()

    async def prepare(self, name: str) -> None:
        """PREPARE TRANSACTION with the literal ``name``, quotes included."""
        await self._drive(commits.prepare(self._state, name), self._connection)

    @property
    def idle(self) -> bool:
        """Whether no transaction is open."""
        return self._connection.info.transaction_status == pq.TransactionStatus.IDLE

    async def _plain(self, text: str) -> None:
        async with AsyncCursor(self._connection) as cursor:
            await cursor.execute(text.encode(), prepare=False)

    async def _before(self, query: Any) -> bool:
        """Whether the statement is still to be sent: a COMMIT is announced instead."""
        match before(query, self._connection):
            case Before.COMMIT:
                await self.commit()
                return False
            case Before.BEGIN:
                await self.begin()
        return True


def _announcing(writer: AsyncWriter, base: type[AsyncCursor[Any]]) -> type[AsyncCursor[Any]]:
    """The connection's cursors, asking ``writer`` before each statement."""

    class Announcing(base):  # type: ignore[valid-type, misc]
        async def execute(self, query: Any, *arguments: Any, **options: Any) -> Any:
            return await super().execute(query, *arguments, **options) if await writer._before(query) else self

        async def executemany(self, query: Any, *arguments: Any, **options: Any) -> None:
            if await writer._before(query):
                await super().executemany(query, *arguments, **options)

        async def stream(self, query: Any, *arguments: Any, **options: Any) -> Any:
            await writer._before(query)
            async for row in super().stream(query, *arguments, **options):
                yield row

        @asynccontextmanager
        async def copy(self, statement: Any, *arguments: Any, **options: Any) -> Any:
            await writer._before(statement)
            async with super().copy(statement, *arguments, **options) as copying:
                yield copying

    return Announcing
