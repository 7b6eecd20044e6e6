"""The application's own pools on account."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import sqlalchemy
from psycopg_pool import AsyncConnectionPool, ConnectionPool, NullConnectionPool, PoolTimeout
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool, SingletonThreadPool

from pytest_perfbudget.pool import AdaptivePool
from pytest_perfbudget.pool.ledger import Account, Ledger
from pytest_perfbudget.pool.of_a_test import AsyncPoolOfATest, async_pool_of_a_test, pool_of_a_test
from pytest_perfbudget.pool.watch import watching


def url(dsn: str) -> str:
    return dsn.replace("postgresql://", "postgresql+psycopg://")


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    ledger = Ledger()
    with watching(ledger) as names:
        assert names == ("psycopg_pool", "SQLAlchemy")
        yield ledger


@pytest.fixture
def psycopg_pool(dsn: str) -> Iterator[ConnectionPool]:
    """Opened before it is watched, as an application's is."""
    with ConnectionPool(dsn, min_size=2, max_size=2) as pool:
        pool.wait()
        yield pool


@pytest.fixture
def engine(dsn: str) -> Iterator[sqlalchemy.Engine]:
    engine = sqlalchemy.create_engine(url(dsn), pool_size=1, max_overflow=1)
    yield engine
    engine.dispose()


def line() -> int:
    return sys._getframe(1).f_lineno


def used(account: Account) -> tuple[int, int, int]:
    return account.requests, account.returned, account.max_busy


def test_a_pool_of_psycopg(psycopg_pool: ConnectionPool, ledger: Ledger) -> None:
    with psycopg_pool.connection(), psycopg_pool.connection():
        pass
    with psycopg_pool.connection():
        pass
    account = ledger.cut()
    assert used(account) == (3, 3, 2)
    assert (account.queued, account.connects, account.out) == (0, (), ())


def test_connections_made_while_watched_are_timed(dsn: str, ledger: Ledger) -> None:
    with ConnectionPool(dsn, min_size=3) as pool:
        pool.wait()
    assert len(ledger.cut().connects) == 3


def test_what_was_taken_before_is_nobody_s_leak(dsn: str, psycopg_pool: ConnectionPool) -> None:
    early, ledger = psycopg_pool.getconn(), Ledger()
    with watching(ledger):
        psycopg_pool.putconn(early)
    assert used(ledger.cut()) == (0, 0, 0)


def test_a_leak_names_the_line(psycopg_pool: ConnectionPool, ledger: Ledger) -> None:
    at, leaked = line(), psycopg_pool.getconn()
    (taken,) = ledger.cut().out
    assert taken.site is not None
    assert (taken.site.line, taken.site.function) == (at, "test_a_leak_names_the_line")
    psycopg_pool.putconn(leaked)


def test_close_returns(dsn: str, ledger: Ledger) -> None:
    with ConnectionPool(dsn, min_size=1, close_returns=True) as pool:
        pool.getconn().close()
        assert used(ledger.cut()) == (1, 1, 1)


def test_a_null_pool(dsn: str, ledger: Ledger) -> None:
    with NullConnectionPool(dsn, max_size=2) as pool, pool.connection():
        pass
    account = ledger.cut()
    assert used(account) == (1, 1, 1)
    assert len(account.connects) == 1


def queueing(take: Callable[[], Any], give: Callable[[Any], None], waiting: Callable[[], bool]) -> None:
    """The pool is emptied, another thread asks, and is served when something comes back."""
    held, done = take(), []

    def ask() -> None:
        connection = take()
        done.append(connection)
        give(connection)

    thread = threading.Thread(target=ask)
    thread.start()
    while not waiting():
        pass
    give(held)
    thread.join()
    assert done


def test_a_request_that_had_to_queue(dsn: str, ledger: Ledger) -> None:
    with ConnectionPool(dsn, min_size=1) as pool:
        pool.wait()
        queueing(pool.getconn, pool.putconn, lambda: pool.get_stats().get("requests_waiting", 0) == 1)
        assert pool.pop_stats()["requests_queued"] == 1
        queueing(pool.getconn, pool.putconn, lambda: pool.get_stats().get("requests_waiting", 0) == 1)
    account = ledger.cut()
    assert (account.queued, account.requests, account.max_busy) == (2, 4, 1)
    assert account.waits[-1] > 0


def test_a_request_that_timed_out(psycopg_pool: ConnectionPool, ledger: Ledger) -> None:
    with psycopg_pool.connection(), psycopg_pool.connection(), pytest.raises(PoolTimeout):
        psycopg_pool.getconn(timeout=0.01)
    at = line() - 1
    account = ledger.cut()
    assert (account.failed, account.queued) == (1, 1)
    assert account.slowest is not None
    assert account.slowest.line == at
    assert account.waits[-1] >= 0.01


def test_our_own_pool_too(dsn: str, ledger: Ledger) -> None:
    with AdaptivePool(dsn) as pool, pool.connection():
        at = line() - 1
        assert [taken.site.line for taken in ledger.out() if taken.site] == [at]
    assert used(ledger.cut()) == (1, 1, 1)


def test_an_async_pool(dsn: str, ledger: Ledger) -> None:
    async def main() -> int:
        async with AsyncConnectionPool(dsn, min_size=2, open=False) as pool:
            async with pool.connection(), pool.connection():
                at = line() - 1
                assert {taken.site.line for taken in ledger.out() if taken.site} == {at}
            return 0

    asyncio.run(main())
    account = ledger.cut()
    assert used(account) == (2, 2, 2)
    assert len(account.connects) == 2


def test_an_engine_of_sqlalchemy(engine: sqlalchemy.Engine, ledger: Ledger) -> None:
    with engine.connect() as one, engine.connect():
        at = line() - 1
        one.execute(sqlalchemy.text("SELECT 1"))
        assert {taken.site.line for taken in ledger.out() if taken.site} == {at}
    with engine.connect():
        pass
    account = ledger.cut()
    assert used(account) == (3, 3, 2)
    assert len(account.connects) == 2
    assert account.queued == 0


def test_an_engine_whose_request_had_to_queue(engine: sqlalchemy.Engine, ledger: Ledger) -> None:
    with engine.connect():
        queueing(engine.connect, lambda connection: connection.close(), lambda: ledger._queued == 1)
    account = ledger.cut()
    assert (account.queued, account.requests, account.max_busy) == (1, 3, 2)


def test_a_connection_sqlalchemy_gives_up_is_no_leak(engine: sqlalchemy.Engine, ledger: Ledger) -> None:
    detached, invalid = engine.connect(), engine.connect()
    detached.detach()
    invalid.invalidate()
    invalid.close()
    detached.close()
    assert ledger.cut().out == ()


def test_a_leak_of_sqlalchemy_names_the_line(engine: sqlalchemy.Engine, ledger: Ledger) -> None:
    at, leaked = line(), engine.raw_connection()
    (taken,) = ledger.cut().out
    assert taken.site is not None
    assert taken.site.line == at
    leaked.close()


def test_an_async_engine(dsn: str, ledger: Ledger) -> None:
    async def main() -> None:
        engine = create_async_engine(url(dsn))
        async with engine.connect() as connection:
            at = line() - 1
            await connection.execute(sqlalchemy.text("SELECT 1"))
            assert {taken.site.line for taken in ledger.out() if taken.site} == {at}
        await engine.dispose()

    asyncio.run(main())
    assert used(ledger.cut()) == (1, 1, 1)


def test_sqlalchemy_over_a_pool_of_psycopg_counts_once(psycopg_pool: ConnectionPool, ledger: Ledger) -> None:
    engine = sqlalchemy.create_engine("postgresql+psycopg://", creator=psycopg_pool.getconn, poolclass=NullPool)
    with engine.connect():
        assert ledger.busy == 1
    assert ledger.cut().requests == 1


def test_everything_is_put_back(dsn: str, engine: sqlalchemy.Engine) -> None:
    from sqlalchemy.util import queue

    places = (
        (ConnectionPool, "getconn"),
        (ConnectionPool, "putconn"),
        (ConnectionPool, "_connect"),
        (AsyncConnectionPool, "getconn"),
        (ConnectionPool, "pop_stats"),
        (sqlalchemy.pool.Pool, "connect"),
        (queue.Queue, "get"),
    )
    before = [getattr(kind, name) for kind, name in places]
    ledger = Ledger()
    with ExitStack() as stack:
        stack.enter_context(watching(ledger))
        assert [getattr(kind, name) for kind, name in places] != before
    assert [getattr(kind, name) for kind, name in places] == before
    with engine.connect():
        pass
    assert used(ledger.cut()) == (0, 0, 0)


def test_a_pool_of_one_connection_for_each_thread(dsn: str, ledger: Ledger) -> None:
    engine = sqlalchemy.create_engine(url(dsn), poolclass=SingletonThreadPool)
    with engine.connect(), engine.connect():
        assert ledger.busy == 1
    assert used(ledger.cut()) == (1, 1, 1)
    engine.dispose()


def test_the_first_requests_of_a_test_s_pools_wait_for_no_connection(dsn: str, ledger: Ledger) -> None:
    with pool_of_a_test(dsn) as pool, pool.connection():
        pass
    assert ledger.cut().queued == 0

    async def first(pool: AsyncPoolOfATest) -> None:
        async with pool.connection():
            pass

    with async_pool_of_a_test(dsn) as pool_async:
        asyncio.run(first(pool_async))
    assert ledger.cut().queued == 0


def test_requests_that_come_while_a_test_s_pool_opens_are_served(dsn: str) -> None:
    async def hold(pool: AsyncPoolOfATest, all_have_one: asyncio.Barrier) -> None:
        async with pool.connection():
            await all_have_one.wait()

    async def together(pool: AsyncPoolOfATest) -> None:
        barrier = asyncio.Barrier(3)
        await asyncio.gather(*(hold(pool, barrier) for _ in range(3)))

    with async_pool_of_a_test(dsn) as pool:
        asyncio.run(together(pool))
