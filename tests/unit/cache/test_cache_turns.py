"""What a read and a commit cost in turns to PostgreSQL, and that one that fails is what a statement that fails is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool, ConnectionPool
from redis import Redis

from pytest_perfbudget.cache import AsyncQueryCache, QueryCache, Settings
from pytest_perfbudget.cache.queries import entries, questions
from pytest_perfbudget.cache.queries.state import Place, State
from pytest_perfbudget.capture.hub import Hub
from pytest_perfbudget.capture.psycopg3 import Psycopg3

ONE = "SELECT id, name FROM items WHERE id = %s"
BY_FUNCTION = "SELECT named(%s)"
OFTEN = {"prepare_threshold": 0}


@pytest.fixture(autouse=True)
def table(direct: psycopg.Connection[Any]) -> None:
    direct.execute("CREATE TABLE items (id int PRIMARY KEY, name text NOT NULL)")
    direct.execute("INSERT INTO items SELECT n, 'item ' || n FROM generate_series(1, 100) n")
    direct.execute("""CREATE FUNCTION named(int) RETURNS text STABLE LANGUAGE plpgsql AS
        'BEGIN RETURN (SELECT name FROM items WHERE id = $1); END'""")


@pytest.fixture(params=[True, False], ids=["pipelines", "none"])
def pipelines(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """With libpq's pipelines, and as with a libpq that has none."""
    if not request.param:
        for kind in (psycopg.Pipeline, psycopg.AsyncPipeline):
            monkeypatch.setattr(kind, "is_supported", lambda: False)
    return bool(request.param)


@pytest.fixture
def pool(dsn: str) -> Iterator[ConnectionPool]:
    with ConnectionPool(dsn, min_size=1, max_size=1, kwargs=OFTEN) as pool:
        pool.wait()
        yield pool


@pytest.fixture
def cache(pool: ConnectionPool, redis_url: str) -> Iterator[QueryCache]:
    """Its licence lasts for the test."""
    cache = QueryCache(redis_url, pool, Settings(licence=3600, pure=frozenset({"named", "noted"})))
    cache.install()
    yield cache
    cache.close()


@pytest.fixture
def writing(cache: QueryCache, pool: ConnectionPool, redis_url: str) -> Iterator[QueryCache]:
    """Another one, whose first commits are not held back for so long."""
    other = QueryCache(redis_url, pool)
    yield other
    other.close()


@contextmanager
def turns(dsn: str) -> Iterator[Callable[[], int]]:
    """Gives how many there were to PostgreSQL since then, by what capture counts of every statement of psycopg."""
    hub, driver = Hub("/"), Psycopg3()
    hub.watch(psycopg.conninfo.conninfo_to_dict(dsn)["dbname"])
    driver.install(hub)
    hub.start()
    found: list[int] = []
    try:
        yield lambda: found[0]
    finally:
        driver.uninstall()
        found.append(sum(statement.round_trips for statement in hub.stop()))


def test_a_miss_takes_one_turn(cache: QueryCache, dsn: str, pipelines: bool) -> None:
    for number in (1, 2):
        cache.fetch(ONE, (number,))
    with turns(dsn) as taken:
        assert cache.fetch(ONE, (7,)) == [(7, "item 7")]
    assert cache.report()["kept"] == 3
    assert taken() == (1 if pipelines else 4)
    with turns(dsn) as taken:
        cache.fetch(ONE, (7,))
    assert taken() == 0


def test_so_does_one_of_a_statement_with_functions(cache: QueryCache, dsn: str, pipelines: bool) -> None:
    for number in (1, 2, 3):
        cache.fetch(BY_FUNCTION, (number,))
    with turns(dsn) as taken:
        assert cache.fetch(BY_FUNCTION, (7,)) == [("item 7",)]
    assert taken() == (1 if pipelines else 11)
    assert cache.fetch(BY_FUNCTION, (7,)) == [("item 7",)]
    assert cache.report()["hits"] == 1


def test_a_statement_that_is_not_kept_takes_two(cache: QueryCache, dsn: str, pipelines: bool) -> None:
    cache.fetch("SELECT random() < %s", (2,))
    with turns(dsn) as taken:
        assert cache.fetch("SELECT random() < %s", (2,)) == [(True,)]
    assert taken() == (2 if pipelines else 6)


def test_what_writes_after_all_is_taken_back_and_announced(cache: QueryCache, direct: Any, pipelines: bool) -> None:
    direct.execute("""CREATE FUNCTION noted(int) RETURNS int LANGUAGE plpgsql AS
        'BEGIN UPDATE items SET name = name || ''!'' WHERE id = $1 AND id = 7; RETURN $1; END'""")
    cache._state.settings = replace(cache._state.settings, licence=0.2)
    for number in (1, 2):
        assert cache.fetch("SELECT noted(%s)", (number,)) == [(number,)]
    for times in range(1, 4):
        cache.fetch(ONE, (7,))
        assert cache.fetch("SELECT noted(%s)", (7,)) == [(7,)]
        assert cache.fetch(ONE, (7,)) == [(7, "item 7" + "!" * times)]
    assert direct.execute("SELECT name FROM items WHERE id = 7").fetchone() == ("item 7!!!",)


def test_a_commit_looks_and_commits(writing: QueryCache, dsn: str, pipelines: bool) -> None:
    with turns(dsn) as taken, writing.connection() as connection:
        connection.execute("UPDATE items SET name = 'new' WHERE id = 7")
    assert taken() == (4 if pipelines else 5)  # BEGIN and the UPDATE, and those two


def test_the_async_cache_takes_as_many(dsn: str, redis_url: str, pipelines: bool) -> None:
    async def scenario() -> int:
        async with AsyncConnectionPool(dsn, min_size=1, max_size=1, open=False, kwargs=OFTEN) as pool:
            cache = AsyncQueryCache(redis_url, pool, Settings(licence=3600))
            await cache.install()
            await cache.fetch(ONE, (1,))
            with turns(dsn) as taken:
                assert await cache.fetch(ONE, (7,)) == [(7, "item 7")]
            await cache.close()
            return taken()

    assert asyncio.run(scenario()) == (1 if pipelines else 4)


def test_the_entry_is_made_without_a_connection(
    cache: QueryCache, pool: ConnectionPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    idle: list[int] = []
    encode = entries.encode
    monkeypatch.setattr(
        entries, "encode", lambda *given: idle.append(pool.get_stats()["pool_available"]) or encode(*given)
    )
    cache.fetch(ONE, (7,))
    assert idle == [1]


FAILING = (
    "SELECT 1 / (id - 7) FROM items",
    "SELECT repeat('x', 100), 1 / (g - 90000) FROM generate_series(1, 90000) g, items WHERE items.id = 1",
    "SELECT id FROM itmes",
    "SELECT id FROM items WHERE",
    "SELECT id FROM items WHERE id = 'seven'::int",
    "SELECT (SELECT id FROM items)",
)


def error_of(call: Callable[[], object]) -> psycopg.Error:
    with pytest.raises(psycopg.Error) as raised:
        call()
    return raised.value


@pytest.mark.parametrize("statement", FAILING)
def test_an_error_is_the_one_psycopg_raises(
    cache: QueryCache, dsn: str, pool: ConnectionPool, redis: Redis, statement: str, pipelines: bool
) -> None:
    cache.fetch(ONE, (1,))
    with psycopg.connect(dsn, autocommit=True) as plain:
        expected = error_of(lambda: plain.execute(statement.encode()))
    for _ in range(3):
        found = error_of(lambda: cache.fetch(statement))
        assert (type(found), found.sqlstate, found.diag.message_primary) == (
            type(expected), expected.sqlstate, expected.diag.message_primary,
        )  # fmt: skip
        assert not list(redis.scan_iter("*:f:*"))
    for number in range(2, 5):  # what was prepared within the turn, and what was not, is known
        assert cache.fetch(ONE, (number,)) == [(number, f"item {number}")]
    assert pool.get_stats().get("connections_lost", 0) == 0
    assert pool.get_stats()["pool_available"] == 1


def test_a_connection_that_ends_within_a_turn_is_replaced(
    cache: QueryCache, pool: ConnectionPool, pipelines: bool
) -> None:
    with pytest.raises(psycopg.OperationalError):  # in a pipeline libpq does not tell what the server said at its end
        cache.fetch("SELECT pg_terminate_backend(pg_backend_pid())")
    assert cache.fetch(ONE, (7,)) == [(7, "item 7")]
    assert pool.get_stats()["pool_size"] == 1


def test_parameters_that_do_not_fit_are_told_before_anything_is_sent(cache: QueryCache, pipelines: bool) -> None:
    for _ in range(2):
        with pytest.raises(psycopg.ProgrammingError, match="1 placeholders but 2 parameters"):
            cache.fetch(ONE, (1, 2))
        assert cache.fetch(ONE, (1,)) == [(1, "item 1")]


def test_an_error_that_is_being_handled_is_not_taken_for_the_turns(cache: QueryCache, direct: Any) -> None:
    try:
        direct.execute("SELECT id FROM itmes")
    except psycopg.errors.UndefinedTable:
        with pytest.raises(psycopg.errors.DivisionByZero):
            cache.fetch("SELECT 1 / (id - 7) FROM items")


def test_the_error_of_a_deferred_constraint_is_the_commits(writing: QueryCache, direct: Any, pipelines: bool) -> None:
    direct.execute("CREATE TABLE lines (item int REFERENCES items DEFERRABLE INITIALLY DEFERRED)")
    with pytest.raises(psycopg.errors.ForeignKeyViolation), writing.connection() as connection:
        connection.execute("INSERT INTO lines VALUES (-1)")
    with writing.connection() as connection:
        connection.execute("INSERT INTO lines VALUES (1)")
    assert direct.execute("SELECT item FROM lines").fetchall() == [(1,)]


def test_a_task_cancelled_within_a_turn_leaves_a_pool_that_serves(dsn: str, redis_url: str, pipelines: bool) -> None:
    async def scenario() -> None:
        async with AsyncConnectionPool(dsn, min_size=1, max_size=1, open=False) as pool:
            cache = AsyncQueryCache(redis_url, pool)
            await cache.install()
            await cache.fetch("SELECT pg_sleep(0)")
            for _ in range(3):
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(cache.fetch("SELECT pg_sleep(60)"), 0.3)
            assert await cache.fetch(ONE, (7,)) == await cache.fetch(ONE, (7,)) == [(7, "item 7")]
            await cache.close()

    asyncio.run(asyncio.wait_for(scenario(), 30))


def test_one_caller_renews_a_licence_before_it_ends() -> None:
    state = State(Settings(licence=1.0), lambda: 0.0, lambda: 0.0)
    assert not state.renews(99.9)  # nothing is granted
    state.grant(Place("server", "session"), 100.0)
    assert [state.renews(began) for began in (99.0, 99.7, 99.8, 99.9, 100.0)] == [False, False, True, False, False]
    state.grant(Place("server", "session"), 100.8)
    assert [state.renews(began) for began in (100.0, 100.6, 100.7)] == [False, True, False]
    state.grant(None, 102.0)
    assert not state.renews(101.9)


def test_a_hit_that_renews_the_licence_is_a_hit(
    cache: QueryCache, pool: ConnectionPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    cache._state.clock = lambda: now[0]
    cache._state.granted = (None, float("-inf"))
    cache.fetch(ONE, (7,))
    asked: list[str] = []
    sent = cache._driving._sent
    monkeypatch.setattr(cache._driving, "_sent", lambda step, on: asked.append(step.text) or sent(step, on))
    for moment in (1100.0, 1000 + 3600 * 0.9, 1000 + 3600 * 1.6):
        now[0] = moment
        assert cache.fetch(ONE, (7,)) == [(7, "item 7")]
    assert asked == [questions.STATE]
    now[0] += 3600 * 0.2
    pool.close()
    assert cache.fetch(ONE, (7,)) == [(7, "item 7")]  # it could not be renewed, and lasts still
    assert cache.report() == {"executed": 1, "kept": 1, "hits": 4}
