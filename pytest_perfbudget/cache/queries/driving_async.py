"""What the steps of the query cache ask for, done on an event loop: on a connection, by Redis, or by waiting."""

from __future__ import annotations

import asyncio
import sys
from typing import Any, TypeVar

from psycopg import AsyncConnection, AsyncCursor, AsyncPipeline, Error

from pytest_perfbudget.cache.queries import turns
from pytest_perfbudget.cache.queries.lending import AsyncLending
from pytest_perfbudget.cache.queries.steps import Ask, Sql, Step, Steps, Turn, Wait
from pytest_perfbudget.cache.queries.store_async import AsyncStore

_T = TypeVar("_T")


class AsyncDriving:
    """:class:`~.driving.Driving` for asyncio."""

    def __init__(self, store: AsyncStore) -> None:
        self._store = store

    async def drive(self, steps: Steps[_T], on: AsyncConnection[Any] | AsyncLending | None) -> _T:
        """What the steps return. ``on`` is where they execute statements; errors of them pass if the steps let them."""
        try:
            step = next(steps)
            while True:
                try:
                    answer = await self._answer(step, on)
                except BaseException as error:  # cancelled as well: others wait for what it executes
                    step = steps.throw(error)
                else:
                    step = steps.send(answer)
        except StopIteration as stop:
            result: _T = stop.value
            return result

    async def _answer(self, step: Step, on: AsyncConnection[Any] | AsyncLending | None) -> Any:
        if isinstance(step, Ask | Wait):
            if isinstance(on, AsyncLending):
                await on.rest()
            return await self._store.answer(step) if isinstance(step, Ask) else await asyncio.sleep(step.seconds)
        assert on
        if not isinstance(on, AsyncLending):
            return await self._executed(step, on)
        answer = await self._executed(step, await on.taken())
        await on.rest()
        return answer

    async def _executed(self, step: Sql | Turn, connection: AsyncConnection[Any]) -> Any:
        if isinstance(step, Turn):
            return await self._turn(step, connection)
        async with await self._sent(step, connection) as cursor:
            return cursor.pgresult

    async def _turn(self, turn: Turn, connection: AsyncConnection[Any]) -> list[Any]:
        if not AsyncPipeline.is_supported():
            return [await self._executed(one, connection) for one in turn.statements]
        around = sys.exception()
        failed: Error | None = None
        try:
            async with connection.pipeline():
                try:
                    cursors = [await self._sent(one, connection) for one in turn.statements]
                except Error as error:
                    failed = error
        except Error as error:
            failed = failed or turns.first(error, around)
        if failed:
            if turns.lost(connection):
                await connection.close()
            raise failed
        return [cursor.pgresult for cursor in cursors]

    async def _sent(self, statement: Sql, connection: AsyncConnection[Any]) -> AsyncCursor[Any]:
        """Within a pipeline its result is there when that has ended."""
        cursor = AsyncCursor(connection)  # not the connection's own kind, which announces
        never = statement.own and not statement.often
        await cursor.execute(statement.text.encode(), statement.parameters, prepare=False if never else None)
        return cursor
