"""What a read occupies: a connection from its first statement to the end of its transaction; none while it waits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool, ConnectionPool
from redis import Redis

from pytest_perfbudget.cache import AsyncQueryCache, QueryCache, Settings
from pytest_perfbudget.cache.queries.store import Store

ONE = "SELECT id, name FROM items WHERE id = %s"
PATIENCE = 30.0  # seconds


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.fixture
def pools(items: str) -> Iterator[tuple[ConnectionPool, ConnectionPool]]:
    with ConnectionPool(items, min_size=1, max_size=1) as one, ConnectionPool(items, min_size=1, max_size=1) as other:
        one.wait()
        other.wait()
        yield one, other


def test_who_waits_for_another_callers_entry_occupies_no_connection(
    pools: tuple[ConnectionPool, ConnectionPool], direct: psycopg.Connection[Any], redis_url: str, redis: Redis
) -> None:
    first, second = (QueryCache(redis_url, pool) for pool in pools)
    first.install()
    with direct.transaction(), ThreadPoolExecutor(2) as threads:
        direct.execute("LOCK TABLE items")
        executing = threads.submit(first.fetch, ONE, (7,))
        until(lambda: [*redis.scan_iter("*:f:*")])
        waiting = threads.submit(second.fetch, ONE, (7,))
        until(lambda: second._state.granted[0])
        until(lambda: pools[1].get_stats()["pool_available"])
        assert not waiting.done()
        direct.execute("ROLLBACK")
        direct.execute("BEGIN")
        assert executing.result(PATIENCE) == waiting.result(PATIENCE) == [(7, "item 7")]
    assert second.report().keys() & {"shared", "alone"}


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch, pools: tuple[ConnectionPool, ConnectionPool]) -> list[bool]:
    """At each command of Redis, whether the first pool's only connection was in it."""
    seen: list[bool] = []
    answer = Store.answer

    def looking(self: Store, step: Any) -> Any:
        seen.append(pools[0].get_stats()["pool_available"] == 1)
        return answer(self, step)

    monkeypatch.setattr(Store, "answer", looking)
    return seen


def test_nothing_is_asked_of_redis_with_a_connection_in_hand(
    idle: list[bool], pools: tuple[ConnectionPool, ConnectionPool], redis_url: str
) -> None:
    cache = QueryCache(redis_url, pools[0])
    cache.install()
    assert cache.fetch(ONE, (7,)) == cache.fetch(ONE, (7,)) == [(7, "item 7")]
    assert cache.report()["kept"] == 1
    assert idle
    assert all(idle)


def test_a_statement_that_fails_gives_its_connection_back(
    pools: tuple[ConnectionPool, ConnectionPool], redis_url: str
) -> None:
    cache = QueryCache(redis_url, pools[0])
    cache.install()
    with pytest.raises(psycopg.errors.DivisionByZero):
        cache.fetch("SELECT 1 / (id - 7) FROM items", ())
    assert cache.fetch(ONE, (7,)) == [(7, "item 7")]
    assert pools[0].get_stats()["pool_available"] == 1


@pytest.mark.asyncio
async def test_nobody_waits_for_a_caller_that_was_cancelled(
    items: str, direct: psycopg.Connection[Any], redis_url: str, redis: Redis
) -> None:
    async with AsyncConnectionPool(items, min_size=1, max_size=1, open=False) as pool:
        cache = AsyncQueryCache(redis_url, pool, Settings(flight=60))
        await cache.install()
        with direct.transaction():
            direct.execute("LOCK TABLE items")
            executing = asyncio.create_task(cache.fetch(ONE, (7,)))
            while not direct.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone():
                await asyncio.sleep(0.005)
            assert [*redis.scan_iter("*:f:*")]
            executing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await executing
        assert not [*redis.scan_iter("*:f:*")]
        assert await cache.fetch(ONE, (7,)) == [(7, "item 7")]
        await cache.close()


def test_nobody_waits_for_a_caller_that_was_interrupted(
    pools: tuple[ConnectionPool, ConnectionPool], redis_url: str, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = QueryCache(redis_url, pools[0])
    cache.install()

    def interrupted(*_: Any, **__: Any) -> Any:
        assert [*redis.scan_iter("*:f:*")]
        raise KeyboardInterrupt

    monkeypatch.setattr("pytest_perfbudget.cache.queries.dependencies.learn", interrupted)
    with pytest.raises(KeyboardInterrupt):
        cache.fetch(ONE, (7,))
    assert not [*redis.scan_iter("*:f:*")]


@pytest.mark.asyncio
async def test_the_async_cache_gives_its_connection_back_alike(items: str, redis_url: str) -> None:
    async with AsyncConnectionPool(items, min_size=1, max_size=1, open=False) as pool:
        await pool.wait()
        cache = AsyncQueryCache(redis_url, pool)
        await cache.install()
        seen: list[bool] = []
        answer = cache._store.answer

        async def looking(step: Any) -> Any:
            seen.append(pool.get_stats()["pool_available"] == 1)
            return await answer(step)

        cache._store.answer = looking  # type: ignore[method-assign]
        assert await cache.fetch(ONE, (7,)) == await cache.fetch(ONE, (7,)) == [(7, "item 7")]
        assert seen
        assert all(seen)
        with pytest.raises(psycopg.errors.DivisionByZero):
            await cache.fetch("SELECT 1 / (id - 7) FROM items", ())
        assert pool.get_stats()["pool_available"] == 1
        await cache.close()
