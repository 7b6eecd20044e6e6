"""Statements sent together: psycopg's pipeline, with its turns on the network counted and its length bounded."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Generic, TypeVar, overload

from psycopg import AsyncConnection, AsyncCursor, Connection, Cursor

BATCH = 1000
"""Statements after which results are awaited: both sides keep what is under way in memory."""

Row = TypeVar("Row")


@overload
def pipelined(connection: Connection[Row], *, batch: int = BATCH) -> Pipelined[Row]: ...
@overload
def pipelined(connection: AsyncConnection[Row], *, batch: int = BATCH) -> AsyncPipelined[Row]: ...
def pipelined(connection: Any, *, batch: int = BATCH) -> Any:
    """``with pipelined(connection) as sent: sent.execute(…)``; ``async with`` for an async connection.

    Statements leave without waiting for the results of those before; a result is awaited when it is fetched, after
    ``batch`` statements, and at the end. ``sent.statements`` and ``sent.round_trips`` count.

    Raises:
        ValueError: ``batch`` is less than 1.
        psycopg.NotSupportedError: libpq is older than 14.
    """
    if batch < 1:
        raise ValueError("batch is at least 1")
    return (
        AsyncPipelined(connection, batch) if isinstance(connection, AsyncConnection) else Pipelined(connection, batch)
    )


def outstanding(pipeline: Any) -> bool:
    """Whether results of statements sent before are still to be awaited.

    ``result_queue`` is not documented by psycopg; a pipeline without it has outstanding results until it ends.
    """
    return bool(getattr(pipeline, "result_queue", True))


class _Counted:
    """A turn begins with the first statement sent, or the first sync, when no result is outstanding."""

    def __init__(self, connection: Any, batch: int) -> None:
        self._connection, self._batch, self._left = connection, batch, batch
        self._entered = connection.pipeline()
        self._pipeline: Any = None
        self.statements = self.round_trips = 0

    def _turn(self) -> None:
        self.round_trips += not outstanding(self._pipeline)

    def _sending(self) -> None:
        self._turn()
        self.statements += 1

    def _full(self) -> bool:
        self._left = self._left - 1 or self._batch
        return self._left == self._batch


class Pipelined(_Counted, Generic[Row]):
    """What ``pipelined`` gives for a connection."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> Cursor[Row]:
        """As ``Connection.execute``; the cursor has its result when something is fetched from it."""
        self._sending()
        cursor: Cursor[Row] = self._connection.execute(query, params, **options)
        if self._full():
            self.sync()
        return cursor

    def sync(self) -> None:
        """Await every result sent for so far; the first error of them is raised."""
        self._turn()
        self._pipeline.sync()

    def __enter__(self) -> Pipelined[Row]:
        self._pipeline = self._entered.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._turn()
        self._entered.__exit__(kind, error, traceback)


class AsyncPipelined(_Counted, Generic[Row]):
    """What ``pipelined`` gives for an async connection."""

    async def execute(self, query: Any, params: Any = None, **options: Any) -> AsyncCursor[Row]:
        """As ``AsyncConnection.execute``; the cursor has its result when something is fetched from it."""
        self._sending()
        cursor: AsyncCursor[Row] = await self._connection.execute(query, params, **options)
        if self._full():
            await self.sync()
        return cursor

    async def sync(self) -> None:
        """Await every result sent for so far; the first error of them is raised."""
        self._turn()
        await self._pipeline.sync()

    async def __aenter__(self) -> AsyncPipelined[Row]:
        self._pipeline = await self._entered.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._turn()
        await self._entered.__aexit__(kind, error, traceback)
