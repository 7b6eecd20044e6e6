"""A cache warmed from pg_stat_statements, over a real PostgreSQL with the extension; and the laws of its weighing."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from machine import FOLDERS, each_major
from psycopg_pool import AsyncConnectionPool, ConnectionPool
from redis import Redis

from pytest_perfbudget.cache import AccessLog, AsyncQueryCache, QueryCache
from pytest_perfbudget.cache.queries.calls import Call, call
from pytest_perfbudget.cache.queries.forecast import Rate, Worth, valuable, weighed
from pytest_perfbudget.cache.queries.usage import Usage, counted
from pytest_perfbudget.errors import CacheError
from pytest_perfbudget.postgres.embedded import Embedded
from pytest_perfbudget.postgres.local import Local
from pytest_perfbudget.postgres.profile import DETERMINISTIC, Level, Setting
from pytest_perfbudget.postgres.server import Request, Server

ONE = "SELECT name FROM items WHERE id = %s"
ALL = """
    SELECT id, name
    FROM items ORDER BY id;
"""
COUNT = "SELECT count(*) FROM items"
COUNTING = DETERMINISTIC.with_settings(
    "counting", Setting("shared_preload_libraries", "pg_stat_statements", "statements are counted", Level.SERVER)
)


def asked(text: str, parameters: Any = None) -> Call:
    found = call(text, parameters)
    assert isinstance(found, Call)
    return found


@pytest.fixture(scope="module")
def counting(server_cache: str) -> Iterator[Server]:
    offered = Embedded().start(Request(run=uuid.uuid4().hex, cache=server_cache, profile=COUNTING))
    yield offered
    offered.close()


def database(server: Server) -> Iterator[str]:
    name = f"counted_{uuid.uuid4().hex[:8]}"
    server.admin.execute(f"CREATE DATABASE {name}")
    with psycopg.connect(server.dsn(name), autocommit=True) as direct:
        direct.execute('CREATE SCHEMA "their own"; CREATE EXTENSION pg_stat_statements SCHEMA "their own"')
        direct.execute("CREATE TABLE items (id int PRIMARY KEY, name text NOT NULL)")
        direct.execute("INSERT INTO items SELECT n, 'item ' || n FROM generate_series(1, 20) n")
    yield server.dsn(name)
    server.admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def dsn(counting: Server) -> Iterator[str]:
    yield from database(counting)


@pytest.fixture
def pool(dsn: str) -> Iterator[ConnectionPool]:
    with ConnectionPool(dsn, min_size=1, max_size=4) as pool:
        yield pool


def made(pool: ConnectionPool, redis_url: str) -> QueryCache:
    cache = QueryCache(redis_url, pool)
    cache.install()
    return cache


def counted_before(dsn: str) -> None:
    """An application whose accesses nobody has noted."""
    with psycopg.connect(dsn, autocommit=True) as direct:
        for number in range(9):
            direct.execute(ONE, (number,))
            direct.execute(ALL.encode())
            direct.execute(COUNT)
        direct.execute("SELECT name FROM items WHERE id = 7")
        direct.execute("DELETE FROM items WHERE id = 20")
        direct.execute("SELECT clock_timestamp()")


def warmed(dsn: str, redis_url: str) -> None:
    counted_before(dsn)
    with ConnectionPool(dsn, min_size=1) as pool:
        cache = made(pool, redis_url)
        assert cache.warm(cache.usage(), budget="60 s") == 3  # what has no version is executed, and not kept
        assert cache.report()["kept"] == 2
        assert len(cache.fetch(ALL)) == 19
        assert cache.fetch(COUNT, ()) == [(19,)]
        assert cache.report()["hits"] == 2
        cache.fetch(ONE, (7,))
        assert cache.report()["executed"] == 4
        cache.close()


def test_statements_without_parameters_are_warmed_as_they_stand(dsn: str, redis_url: str) -> None:
    warmed(dsn, redis_url)


@pytest.fixture(params=each_major(), scope="module")
def of_each_major(request: pytest.FixtureRequest, server_cache: str) -> Iterator[Server]:
    asked_for = Request(
        run=uuid.uuid4().hex, cache=server_cache, profile=COUNTING, server="local", major=request.param, local=FOLDERS
    )
    offered = Local().start(asked_for)
    yield offered
    offered.close()


def test_majors_count_alike(of_each_major: Server, redis_url: str) -> None:
    for dsn in database(of_each_major):
        warmed(dsn, redis_url)


def test_calls_are_of_this_database_and_role(pool: ConnectionPool, dsn: str, redis_url: str, counting: Server) -> None:
    counted_before(dsn)
    counting.admin.execute("SELECT count(*) FROM pg_stat_activity")
    with psycopg.connect(dsn, autocommit=True) as direct:
        direct.execute("GRANT SELECT ON items TO PUBLIC; SET ROLE pg_monitor")
        direct.execute("SELECT max(id) FROM items")
    usage = made(pool, redis_url).usage()
    assert usage.texts[asked(COUNT).fingerprint] == COUNT
    assert {asked(text).fingerprint for text in (COUNT, ALL, ONE.replace("%s", "$1"))} <= usage.rates.keys()
    assert asked("SELECT count(*) FROM pg_stat_activity").fingerprint not in usage.rates
    assert asked("SELECT max(id) FROM items").fingerprint not in usage.rates
    assert usage.left_out == 0


def test_hits_are_added_to_what_reached_postgresql(pool: ConnectionPool, redis_url: str) -> None:
    cache = made(pool, redis_url)
    for _ in range(40):
        cache.fetch(COUNT)
    assert cache.report()["hits"] == 39
    rate = cache.usage().rates[asked(COUNT).fingerprint]
    assert rate.asked > 5 * rate.executed


def test_a_log_of_a_part_is_weighed_by_what_postgresql_has_counted(
    pool: ConnectionPool, dsn: str, redis_url: str, redis: Redis
) -> None:
    rare, often = "SELECT id FROM items WHERE name = %s", ONE
    log = AccessLog()
    now = time.time()
    for text, parameter, times in ((rare, "item 3", 5), (often, 7, 1), (often, 8, 2)):
        for _ in range(times):
            log.note(asked(text, (parameter,)), now, 0.01)
    with psycopg.connect(dsn, autocommit=True) as direct:
        direct.execute(rare, ("item 3",))
        for number in range(100):
            direct.execute(often, (number,))
    cache = made(pool, redis_url)
    ranked = cache.usage().weighed(log).ranked(now, 3600.0)
    logged = [(one.key.text, one.key.parameters) for one in ranked if one.key.parameters]
    assert next((one.key.text, one.key.parameters) for one in log.ranked(now, 3600.0)) == (rare, ("item 3",))
    assert logged == [(often, (8,)), (often, (7,)), (rare, ("item 3",))]
    cache.warm(cache.usage().weighed(log), budget="60 s")
    before = cache.report()["executed"]
    assert cache.fetch(often, (8,)) == [("item 8",)]
    assert cache.report()["executed"] == before


def test_without_the_extension_it_says_how_to_get_it(server: Server, dsn: str, pool: ConnectionPool) -> None:
    with ConnectionPool(server.dsn("postgres"), min_size=1) as other:
        cache = QueryCache("redis://127.0.0.1:1/0", other)
        with pytest.raises(CacheError, match=r"not installed in this database\n.*CREATE EXTENSION pg_stat_statements"):
            cache.usage()
        server.admin.execute("CREATE EXTENSION pg_stat_statements")
        try:
            with pytest.raises(CacheError, match=r"has not loaded it\n.*shared_preload_libraries"):
                cache.usage()
        finally:
            server.admin.execute("DROP EXTENSION pg_stat_statements")


@pytest.mark.asyncio
async def test_the_async_cache_is_warmed_alike(dsn: str, redis_url: str) -> None:
    counted_before(dsn)
    async with AsyncConnectionPool(dsn, min_size=1, open=False) as apool:
        cache = AsyncQueryCache(redis_url, apool)
        await cache.install()
        assert await cache.warm(await cache.usage(), budget="60 s") == 3
        await cache.fetch(COUNT)
        assert cache.report()["hits"] == 1
        await cache.close()


worths = st.lists(
    st.builds(Worth, st.text("abc", min_size=1, max_size=3), st.floats(0.01, 1e4), st.just(0.0) | st.floats(0.001, 9)),
    max_size=12,
    unique_by=lambda one: one.key,
)
taken = st.floats(0.001, 9)
rates = st.dictionaries(st.sampled_from("abc"), st.builds(Rate, st.floats(0.001, 1e3), st.just(1.0), taken))


def first(key: str) -> str:
    return key[0]


@given(worths, rates, st.floats(1, 1e5))
def test_a_group_is_asked_for_as_often_as_its_rate_says_and_its_keys_in_their_shares(
    worths: list[Worth[str]], rates: dict[str, Rate], horizon: float
) -> None:
    found = weighed(worths, first, rates, horizon)
    assert [one.key for one in found] == [one.key for one in worths]
    for name in {first(one.key) for one in worths}:
        before = [one.hits for one in worths if first(one.key) == name]
        after = [one.hits for one in found if first(one.key) == name]
        assert [one / sum(after) for one in after] == pytest.approx([one / sum(before) for one in before])
        if name in rates:
            assert sum(after) == pytest.approx(rates[name].asked * horizon)


@given(worths, st.floats(1, 1e5))
def test_where_postgresql_knows_nothing_the_log_stands(worths: list[Worth[str]], horizon: float) -> None:
    assert [one.hits for one in weighed(worths, first, {}, horizon)] == [one.hits for one in worths]


@given(worths, rates, st.floats(1, 1e5), st.floats(0.1, 100))
def test_how_much_of_the_traffic_the_log_has_does_not_matter(
    worths: list[Worth[str]], rates: dict[str, Rate], horizon: float, share: float
) -> None:
    part = [Worth(one.key, one.hits * share, one.seconds) for one in worths]
    told = {first(one.key) for one in worths} & rates.keys()
    if told:
        assert [one.hits for one in weighed(part, first, rates, horizon)] == pytest.approx(
            [one.hits for one in weighed(worths, first, rates, horizon)]
        )


@given(worths, rates)
def test_measured_times_stay_and_others_are_those_of_the_group(
    worths: list[Worth[str]], rates: dict[str, Rate]
) -> None:
    for before, after in zip(worths, weighed(worths, first, rates, 1.0), strict=True):
        if before.seconds:
            assert after.seconds == before.seconds
        elif first(before.key) in rates:
            assert after.seconds == rates[first(before.key)].seconds


def test_texts_of_one_statement_are_counted_together() -> None:
    lists = ["SELECT id FROM items WHERE id IN ($1, $2)", "SELECT id FROM items WHERE id IN ($1, $2, $3)"]
    found = [[lists[0], 10, 0.1], [lists[1], 30, 0.3], ["DELETE FROM x", 9, 1]]
    hits = {asked(lists[0]).fingerprint: 80}
    usage: Usage = counted({"seconds": 10.0, "left_out": 3, "statements": found}, hits, 20.0)
    (rate,) = usage.rates.values()
    assert (rate.asked, rate.executed) == (pytest.approx(4.0 + 4.0), pytest.approx(4.0))
    assert rate.seconds == pytest.approx(0.25, abs=0.001)
    assert usage.texts == {}
    assert usage.ranked(0.0, 3600.0) == valuable([], 0.0) == []
