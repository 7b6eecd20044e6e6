"""The query cache over a real PostgreSQL and Valkey: what it keeps, what it does not, and that it is never stale."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg_pool import ConnectionPool
from redis import Redis

from pytest_perfbudget.cache import AsyncQueryCache, QueryCache, Settings
from pytest_perfbudget.errors import CacheError
from pytest_perfbudget.pool import pipelined

ONE = "SELECT id, name FROM items WHERE id = %s"


@pytest.fixture
def pool(items: str) -> Iterator[ConnectionPool]:
    with ConnectionPool(
        items,
        kwargs={
            "options": "-c search_path=inner_,public -c debug_parallel_query=on -c max_parallel_workers_per_gather=2"
        },
        min_size=1,
        max_size=4,
    ) as pool:
        yield pool


@pytest.fixture
def cache(pool: ConnectionPool, redis_url: str) -> Iterator[QueryCache]:
    cache = QueryCache(redis_url, pool, Settings(pure=frozenset({"names", "total"})))
    cache.install()
    yield cache
    cache.close()


def test_the_second_read_is_a_hit_and_equals_the_first(cache: QueryCache) -> None:
    first = cache.fetch(ONE, (7,))
    assert first == cache.fetch(ONE, (7,)) == [(7, "item 7")]
    assert cache.report() == {"executed": 1, "kept": 1, "hits": 1}


def test_a_commit_through_the_cache_is_seen_at_once(cache: QueryCache) -> None:
    cache.fetch(ONE, (7,))
    with cache.connection() as connection:
        connection.execute("UPDATE items SET name = 'new' WHERE id = 7")
    assert cache.fetch(ONE, (7,)) == [(7, "new")]
    cache.fetch(ONE, (7,))
    assert cache.report()["hits"] == 1


def test_a_rollback_leaves_entries_as_they_are(cache: QueryCache) -> None:
    cache.fetch(ONE, (7,))
    with cache.connection() as connection:
        connection.execute("UPDATE items SET name = 'new' WHERE id = 7")
        connection.rollback()
    assert cache.fetch(ONE, (7,)) == [(7, "item 7")]
    assert cache.report()["hits"] == 1


def test_another_process_of_the_cache_needs_not_learn_the_statement(
    cache: QueryCache, pool: ConnectionPool, redis_url: str
) -> None:
    cache.fetch(ONE, (7,))
    other = QueryCache(redis_url, pool)
    assert other.fetch(ONE, (7,)) == [(7, "item 7")]
    assert other.report() == {"hits": 1}
    steps: list[str] = []
    answer = other._store.answer
    other._store.answer = lambda step: steps.append(step.command) or answer(step)  # type: ignore[method-assign]
    assert other.fetch(ONE, (7,)) == [(7, "item 7")]
    assert steps == ["MGET"]


@pytest.mark.parametrize(
    ("statement", "change"),
    [
        pytest.param("SELECT count(*) FROM items", "DELETE FROM items WHERE id = 3", id="delete"),
        pytest.param("SELECT count(*) FROM items", "TRUNCATE items CASCADE", id="truncate"),
        pytest.param("SELECT * FROM items WHERE id = 3", "ALTER TABLE items ADD more int DEFAULT 5", id="ddl"),
        pytest.param("SELECT count(*) FROM seen", "DELETE FROM items WHERE id = 3", id="view"),
        pytest.param(
            "SELECT count(*) FROM seen", "CREATE OR REPLACE VIEW public.seen AS SELECT 1 AS id", id="view redefined"
        ),
        pytest.param("SELECT names()", "DELETE FROM items WHERE id = 3", id="function"),
        pytest.param(
            "SELECT names()",
            "CREATE OR REPLACE FUNCTION public.names() RETURNS bigint STABLE LANGUAGE plpgsql AS 'BEGIN RETURN 0; END'",
            id="function redefined",
        ),
        pytest.param("SELECT total()", "DELETE FROM items WHERE id = 3", id="function in a parallel worker"),
        pytest.param("SELECT count(*) FROM lines", "DELETE FROM items WHERE id = 3", id="cascade"),
        pytest.param("SELECT count(*) FROM audit", "DELETE FROM items WHERE id = 3", id="trigger"),
        pytest.param("SELECT count(*) FROM late", "DELETE FROM items WHERE id = 3", id="deferred trigger"),
        pytest.param("SELECT count(*) FROM parts", "INSERT INTO parts_1 VALUES (3)", id="partition"),
        pytest.param("SELECT count(*) FROM audit", "CREATE TABLE inner_.audit (id int)", id="shadowed"),
        pytest.param("SELECT count(*) FROM audit", "DO 'BEGIN INSERT INTO audit VALUES (1); END'", id="do"),
    ],
)
def test_whatever_the_transaction_touches_is_announced(
    cache: QueryCache, direct: psycopg.Connection[tuple[object, ...]], statement: str, change: str
) -> None:
    direct.execute("""
        CREATE SCHEMA inner_;
        SET search_path = public;
        CREATE VIEW seen AS SELECT id FROM items;
        CREATE FUNCTION names() RETURNS bigint STABLE LANGUAGE plpgsql AS $$
        DECLARE found bigint;
        BEGIN
            BEGIN SELECT count(*) INTO found FROM items; RAISE EXCEPTION 'x';
            EXCEPTION WHEN raise_exception THEN RETURN found; END;
        END $$;
        CREATE FUNCTION total() RETURNS bigint STABLE PARALLEL SAFE LANGUAGE plpgsql AS
            'BEGIN RETURN (SELECT count(*) FROM items); END';
        CREATE TABLE lines (item int REFERENCES items ON DELETE CASCADE);
        INSERT INTO lines SELECT id FROM items;
        CREATE TABLE audit (id int);
        CREATE TABLE late (id int);
        CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN EXECUTE format(''INSERT INTO %I VALUES (1)'', TG_ARGV[0]); RETURN OLD; END';
        CREATE TRIGGER note AFTER DELETE ON items FOR EACH ROW EXECUTE FUNCTION note('audit');
        CREATE CONSTRAINT TRIGGER late AFTER DELETE ON items INITIALLY DEFERRED FOR EACH ROW
            EXECUTE FUNCTION note('late');
        CREATE TABLE parts (id int) PARTITION BY RANGE (id);
        CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
    """)
    for _ in range(3):  # what a function reads is known after the first
        before = cache.fetch(statement)
    hits = cache.report().get("hits", 0)
    with cache.connection() as connection:
        connection.execute(change)
    with cache._lent() as connection_:
        truth = connection_.execute(statement).fetchall()
    assert hits >= 1, cache.report()
    assert cache.fetch(statement) == truth
    assert change.startswith("CREATE TABLE") or truth != before


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT now()",
        "SELECT random()",
        "SELECT 'today'::date",
        "SELECT nextval('counted')",
        "SELECT last_value FROM counted",
        "SELECT count(*) FROM pg_class",
        "SELECT count(*) FROM items TABLESAMPLE system (50)",
        "SELECT id FROM items LIMIT (random() * 5)::int",
        "SELECT age(timestamp '2001-01-01')",
        "SELECT current_setting('work_mem')",
        "SELECT count(*) FROM fleeting",
        "SELECT mine()",
        "SELECT 1; SELECT 2",
        "UPDATE items SET name = 'x' WHERE id = 1 RETURNING name",
    ],
)
def test_what_has_no_version_is_not_kept(
    cache: QueryCache, direct: psycopg.Connection[tuple[object, ...]], statement: str, redis: Redis
) -> None:
    direct.execute("""
        CREATE SEQUENCE counted; CREATE UNLOGGED TABLE fleeting (id int);
        CREATE FUNCTION mine() RETURNS int STABLE LANGUAGE plpgsql AS 'BEGIN RETURN 1; END'""")
    for _ in range(3):
        cache.fetch(statement)
    assert cache.report()["executed"] == 3
    assert "hits" not in cache.report()
    assert not list(redis.scan_iter("*:e:*"))


def test_callers_of_a_statement_without_version_do_not_wait_for_each_other(
    cache: QueryCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    statement = "SELECT age(timestamp '2001-01-01')"
    cache.fetch(statement)
    steps: list[str] = []
    answer = cache._store.answer
    monkeypatch.setattr(cache._store, "answer", lambda step: steps.append(step.command) or answer(step))
    cache.fetch(statement)
    assert set(steps) == {"MGET", "look"}
    assert cache.report() == {"executed": 2, "unkept": 2}


def test_statements_of_a_pipeline_are_committed_and_announced_after_it(cache: QueryCache) -> None:
    cache.fetch(ONE, (7,))
    with cache.connection() as connection:
        with connection.pipeline():
            connection.execute("UPDATE items SET name = 'new' WHERE id = 7")
            connection.execute("UPDATE items SET name = 'other' WHERE id = 8")
        assert cache.fetch(ONE, (7,)) == [(7, "item 7")]
    assert cache.fetch(ONE, (7,)) == [(7, "new")]
    assert cache.fetch(ONE, (8,)) == [(8, "other")]


def test_a_commit_within_a_pipeline_is_refused_and_rolled_back(cache: QueryCache) -> None:
    def written() -> None:
        with cache.connection() as connection, connection.pipeline():
            connection.execute("UPDATE items SET name = 'new' WHERE id = 7")
            connection.commit()

    with pytest.raises(CacheError, match="a commit within a pipeline cannot be announced"):
        written()
    assert cache.fetch(ONE, (7,)) == [(7, "item 7")]


def test_pipelined_takes_the_connection_of_a_writer(cache: QueryCache) -> None:
    with cache.connection() as connection, pipelined(connection) as sent:
        first = sent.execute("UPDATE items SET name = 'new' WHERE id = 7 RETURNING id")
        sent.execute("UPDATE items SET name = 'other' WHERE id = 8")
        assert first.fetchall() == [(7,)]
    assert cache.fetch(ONE, (8,)) == [(8, "other")]
    assert sent.round_trips == 2


@pytest.mark.parametrize(
    "given",
    [
        {"ttl": None}, {"ttl": "1 h"}, {"ttl": 0}, {"ttl_empty": -1}, {"licence": -1}, {"flight": float("nan")},
        {"largest": "1 MB"}, {"jitter": 2}, {"early": True}, {"secret": "abc"}, {"secret": b"x" * 65},
        {"pure": "names"},
    ],
)  # fmt: skip
def test_settings_that_cannot_be_are_refused_by_name(given: dict[str, Any]) -> None:
    (name,) = given
    with pytest.raises(CacheError, match=f"^{name} of Settings|pure of Settings"):
        Settings(**given)


@pytest.mark.parametrize("kind", [QueryCache, AsyncQueryCache])
def test_what_is_no_pool_is_refused(kind: Any, redis_url: str) -> None:
    with pytest.raises(CacheError, match="a str is no pool"):
        kind(redis_url, "dbname=shop")


def test_a_forgotten_install_is_named(pool: ConnectionPool, redis_url: str) -> None:
    cache = QueryCache(redis_url, pool)
    with pytest.raises(CacheError, match="perfbudget_cache_debt is missing") as caught:
        cache.fetch(ONE, (7,))
    assert "install()" in str(caught.value)
    cache.close()
