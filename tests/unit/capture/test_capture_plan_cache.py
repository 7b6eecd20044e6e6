"""Counters of prepared statements, read on the application's own connections."""

from __future__ import annotations

import asyncio
from contextlib import closing

import asyncpg
import psycopg
import psycopg2
import pytest

from pytest_perfbudget.capture.asyncpg import Asyncpg
from pytest_perfbudget.capture.hub import Hub
from pytest_perfbudget.capture.plan_cache import PlanCache
from pytest_perfbudget.capture.psycopg2 import Psycopg2

QUERY = "SELECT note FROM orders WHERE customer = %s"


def test_a_connection_that_is_closed_meanwhile(hub: Hub, dsn: str) -> None:
    counted = PlanCache(hub)
    with counted.watching(), psycopg.connect(dsn) as connection:
        for n in range(20):
            connection.execute(QUERY, (n,))
    use = counted.finish()
    assert (use.executions, use.reused, use.unread) == (15, 9, 0)
    assert use.hit_rate == pytest.approx(0.6)


def test_what_was_executed_before_does_not_count(hub: Hub, dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        for n in range(20):
            connection.execute(QUERY, (n,))
        hub.start()
        counted = PlanCache(hub)
        with counted.watching():
            for n in range(4):
                connection.execute(QUERY, (n,))
        use = counted.finish()
    assert (use.executions, use.reused) == (4, 4)


def test_a_connection_that_is_read_twice_counts_once(hub: Hub, dsn: str) -> None:
    counted = PlanCache(hub)
    with psycopg.connect(dsn, autocommit=True) as connection, counted.watching():
        connection.execute(QUERY, (1,), prepare=True)
        counted.finish()
        connection.execute(QUERY, (1,), prepare=True)
        assert counted.finish().executions == 2


def test_an_async_connection(hub: Hub, dsn: str) -> None:
    counted = PlanCache(hub)

    async def main() -> None:
        async with await psycopg.AsyncConnection.connect(dsn) as connection:
            for n in range(12):
                await connection.execute(QUERY, (n,), prepare=True)

    with counted.watching():
        asyncio.run(main())
    use = counted.finish()
    assert (use.executions, use.reused) == (12, 6)


def test_the_application_does_not_notice(hub: Hub, dsn: str) -> None:
    """No statement more in the recording, the transaction where it was, its results as they were."""
    counted, notices = PlanCache(hub), list[str]()
    with psycopg.connect(dsn) as connection:
        connection.add_notice_handler(lambda notice: notices.append(notice.message_primary or ""))
        with counted.watching():
            cursor = connection.execute(QUERY, (1,), prepare=True)
            status = connection.info.transaction_status
            counted.finish()
            assert connection.info.transaction_status == status
            assert len(cursor.fetchall()) == 20
        (statement,) = hub.stop()
    assert (statement.round_trips, len(statement.plans), notices) == (1, 1, [])


def test_a_connection_that_cannot_be_asked_is_counted(hub: Hub, dsn: str) -> None:
    counted = PlanCache(hub)
    with psycopg.connect(dsn) as connection, counted.watching():
        connection.execute(QUERY, (1,))
        with pytest.raises(psycopg.errors.DivisionByZero):
            connection.execute("SELECT 1/0")
        assert counted.finish().unread == 1


def test_a_connection_that_is_dropped_is_counted(hub: Hub, dsn: str) -> None:
    counted = PlanCache(hub)
    with counted.watching():
        connection = psycopg.connect(dsn)
        connection.execute(QUERY, (1,))
        connection.pgconn.finish()
        assert counted.finish().unread == 1


ASYNCPG = "SELECT note FROM orders WHERE customer = $1"


def test_a_connection_of_asyncpg(hub: Hub, dsn: str) -> None:
    driver = Asyncpg()
    driver.install(hub)
    counted = PlanCache(hub)
    loop = asyncio.new_event_loop()

    async def execute() -> asyncpg.Connection:
        async with asyncpg.create_pool(dsn, min_size=1, max_size=1) as pool:
            for n in range(12):
                await pool.fetch(ASYNCPG, n)
        left_open = await asyncpg.connect(dsn)
        for n in range(7):
            await left_open.fetch(ASYNCPG, n)
        return left_open

    try:
        with counted.watching():
            connection = loop.run_until_complete(execute())
        use = counted.finish()
        # Of 12 and of 7 the first five have plans of their own, the sixth makes the generic plan.
        assert (use.executions, use.reused, use.unread) == (19, 6 + 1, 0)
        assert loop.run_until_complete(connection.fetchval("SELECT 1")) == 1
        loop.run_until_complete(connection.close())
    finally:
        driver.uninstall()
        loop.close()


def test_a_connection_of_psycopg2_prepares_nothing(hub: Hub, dsn: str) -> None:
    driver = Psycopg2()
    driver.install(hub)
    counted = PlanCache(hub)
    try:
        with counted.watching(), closing(psycopg2.connect(dsn)) as connection:
            connection.cursor().execute("SELECT 1")
        del connection
        use = counted.finish()
    finally:
        driver.uninstall()
    assert (use.executions, use.reused, use.unread) == (0, 0, 0)
