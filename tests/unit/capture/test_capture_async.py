from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool

from pytest_perfbudget.capture.hub import Hub

HERE = Path(__file__).name


def run(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(main)


async def connect(dsn: str) -> psycopg.AsyncConnection:
    return await psycopg.AsyncConnection.connect(dsn, autocommit=True)


def test_an_awaited_execute_has_the_line_that_awaits(hub: Hub, dsn: str) -> None:
    async def rows(connection: psycopg.AsyncConnection) -> list[Any]:
        return await (await connection.execute("SELECT id FROM orders WHERE id <= %s", (3,))).fetchall()

    async def main() -> None:
        async with await connect(dsn) as connection:
            assert len(await rows(connection)) == 3

    run(main())
    (statement,) = hub.stop()
    assert statement.site is not None
    assert (statement.site.file, statement.site.line) == (HERE, rows.__code__.co_firstlineno + 1)
    assert statement.site.function == "rows"
    assert (statement.sql, statement.rows, len(statement.plans)) == ("SELECT id FROM orders WHERE id <= $1", 3, 1)


def test_tasks_that_share_a_connection_keep_their_plans(hub: Hub, dsn: str) -> None:
    async def main() -> None:
        async with await connect(dsn) as connection:
            await asyncio.gather(*(connection.execute(f"SELECT {n}") for n in range(50)))

    run(main())
    statements = hub.stop()
    assert sorted(s.sql for s in statements) == sorted(f"SELECT {n}" for n in range(50))
    assert all([plan["Query Text"] for plan in s.plans] == [s.sql] for s in statements)


def test_a_pool_of_tasks(hub: Hub, dsn: str) -> None:
    async def one(pool: AsyncConnectionPool, n: int) -> None:
        async with pool.connection() as connection:
            await connection.execute("SELECT %s::int + 0", (n,))

    async def main() -> None:
        async with AsyncConnectionPool(dsn, min_size=4, max_size=4, open=False) as pool:
            await asyncio.gather(*(one(pool, n) for n in range(100)))

    run(main())
    statements = hub.stop()
    assert len(statements) == 100
    assert [len(s.plans) for s in statements] == [1] * 100


def test_the_other_ways_to_send(hub: Hub, dsn: str) -> None:
    async def main() -> None:
        async with await psycopg.AsyncConnection.connect(dsn) as connection:
            cursor = connection.cursor()
            await cursor.executemany("INSERT INTO log VALUES (%s)", [(1,), (2,)])
            assert [row async for row in cursor.stream("SELECT id FROM orders WHERE id < %s", (4,))] == [
                (1,),
                (2,),
                (3,),
            ]
            async with cursor.copy("COPY (SELECT 1) TO STDOUT") as copying:
                assert [row async for row in copying.rows()] == [("1",)]
            async with connection.cursor("c") as server:
                server.itersize = 100
                await server.execute("SELECT id FROM orders")
                await server.fetchmany(10)
                assert len([row async for row in server]) == 190
            async with connection.pipeline():
                await connection.execute("SELECT counted(1)")

    run(main())
    many, stream, copy, cursor, pipelined = hub.stop()
    assert (many.calls, many.round_trips, len(many.plans)) == (2, 1, 2)
    assert (stream.rows, len(stream.plans)) == (3, 1)
    assert (copy.rows, len(copy.plans)) == (1, 1)
    assert (cursor.rows, cursor.round_trips, len(cursor.plans)) == (200, 4, 1)
    assert [plan["Query Text"] for plan in pipelined.plans][1:] == ["SELECT counted(1)"]


def test_a_stream_that_is_left(hub: Hub, dsn: str) -> None:
    async def main() -> None:
        async with await connect(dsn) as connection:
            rows = connection.cursor().stream("SELECT id FROM orders")
            await anext(rows)
            await rows.aclose()
            await connection.execute("SELECT 1")

    run(main())
    left, after = hub.stop()
    assert (left.rows, after.rows, len(after.plans)) == (1, 1, 1)


def test_errors_and_cancellation_pass(hub: Hub, dsn: str) -> None:
    async def main() -> None:
        async with await connect(dsn) as connection:
            with pytest.raises(psycopg.errors.UndefinedTable):
                await connection.execute("SELECT * FROM nothing")
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(connection.execute("SELECT pg_sleep(60)"), 0.05)
            assert await (await connection.execute("SELECT 1")).fetchone() == (1,)

    run(main())
    failed, cancelled, after = hub.stop()
    assert failed.error == "42P01"
    assert cancelled.error == "CancelledError"
    assert (cancelled.plans, len(after.plans)) == ([], 1)


def test_bytes_of_streams_and_cursors(hub: Hub, dsn: str) -> None:
    async def work() -> None:
        async with await psycopg.AsyncConnection.connect(dsn) as connection:
            async with connection.cursor() as cursor:
                [row async for row in cursor.stream("SELECT note FROM orders")]
                async with cursor.copy("COPY (SELECT note FROM orders) TO STDOUT") as copying:
                    [data async for data in copying]
            async with connection.cursor("c") as cursor:
                await cursor.execute("SELECT note FROM orders")
                await cursor.fetchall()

    hub.measures = True
    hub.start()
    asyncio.run(work())
    assert [(s.fetched, s.size) for s in hub.stop()] == [("stream", 692), ("copy", 892), ("cursor", 692)]
