"""Keys of tables: a write to other rows leaves an entry valid, one to its rows never does, whatever writes."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from pytest_perfbudget.cache import AsyncQueryCache, QueryCache, Settings
from pytest_perfbudget.errors import CacheError

SCHEMA = """
CREATE TABLE boxes (id int PRIMARY KEY, name text);
INSERT INTO boxes SELECT n, 'box ' || n FROM generate_series(1, 9) n;
CREATE TABLE items (id int PRIMARY KEY, owner bigint REFERENCES boxes ON DELETE CASCADE ON UPDATE CASCADE, tag text,
    code varchar, ref uuid, price numeric, n int);
INSERT INTO items SELECT n, n % 3 + 1, 'tag' || n % 3, 'code' || n % 3, md5((n % 3)::text)::uuid, n % 3, n
    FROM generate_series(1, 30) n;
CREATE INDEX ON items (owner); CREATE INDEX ON items (tag);
CREATE VIEW first AS SELECT * FROM items WHERE owner = 1;
CREATE VIEW counted AS SELECT *, plus(n) AS more FROM items;
"""
PLUS = "CREATE FUNCTION plus(n int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN n + 1; END';"
OWNER = "SELECT id, tag, n FROM items WHERE owner = %s ORDER BY id"
REF = uuid.UUID("cfcd2084-95d5-65ef-66e7-dff9f98764da")


@pytest.fixture
def pool(dsn: str) -> Iterator[ConnectionPool]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(PLUS)
        connection.execute(SCHEMA)
    with ConnectionPool(dsn, min_size=1, max_size=4) as pool:
        yield pool


@pytest.fixture
def cache(pool: ConnectionPool, dsn: str, redis_url: str) -> Iterator[QueryCache]:
    with ConnectionPool(dsn, min_size=1, max_size=1) as other:  # a backend tells for a second of DDL that it has done
        migration = QueryCache(redis_url, other)
        migration.install()
        migration.key("items", "owner", "id", "tag", "code", "ref")
        migration.close()
    cache = QueryCache(redis_url, pool, Settings(licence=0.2, pure=frozenset({"plus"})))
    yield cache
    cache.close()


def counted(cache: QueryCache, statement: str, parameters: Any = None) -> tuple[list[Any], str]:
    """The rows, and whether they came from Redis."""
    before = int(cache.report().get("hits", 0))
    rows = cache.fetch(statement, parameters)
    return rows, "hit" if int(cache.report().get("hits", 0)) > before else "executed"


@pytest.mark.parametrize(
    ("statement", "parameters"),
    [
        (OWNER, (1,)),
        ("SELECT n FROM items WHERE owner = %(owner)s AND n > %(n)s AND tag LIKE 'tag%%'", {"n": 0, "owner": 1}),
        ("SELECT n FROM items WHERE owner = 1 ORDER BY n", None),
        ("SELECT n FROM items WHERE owner IN (%s, %s) ORDER BY n", (1, 3)),
        ("SELECT n FROM items WHERE owner IN (1, 3) ORDER BY n", None),
        ("SELECT n FROM items WHERE owner = ANY(%s) ORDER BY n", ([1, 3],)),
        ("SELECT n FROM items WHERE owner = ANY(%s) ORDER BY n", ([],)),
        ("SELECT n FROM items WHERE %s::int = owner ORDER BY n", (1,)),
        ("SELECT n FROM items WHERE tag = %s ORDER BY n", ("tag0",)),
        ("SELECT n FROM items WHERE tag = 'tag0' ORDER BY n", None),
        ("SELECT n FROM items WHERE tag = %(tag)s AND %(tag)s::char(9) > '' ORDER BY n", {"tag": "tag0"}),
        ("SELECT n FROM items WHERE tag = 'no such tag'", None),
        ("SELECT n FROM items WHERE code = %s ORDER BY n", ("code0",)),
        ("SELECT n FROM items WHERE ref = %s ORDER BY n", (REF,)),
        ("SELECT max(n) FROM items WHERE owner = %s", (1,)),
        ("SELECT owner, total FROM (SELECT owner, sum(n) AS total FROM items GROUP BY owner) s WHERE owner = %s", (1,)),
        ("SELECT i.n, b.name FROM items i JOIN boxes b ON b.id = i.owner WHERE b.id = %s ORDER BY n", (1,)),
        ("SELECT name, (SELECT count(*) FROM items WHERE owner = %s) FROM boxes ORDER BY id", (1,)),
        ("SELECT n FROM items WHERE owner = %s AND EXISTS (SELECT FROM boxes WHERE id > items.n) ORDER BY n", (1,)),
        ("SELECT id FROM first ORDER BY id", None),
        ("SELECT (SELECT min(id) FROM boxes), n FROM items WHERE owner = %s ORDER BY n", (1,)),
        ("SELECT a.n FROM items a JOIN items b USING (id) WHERE a.owner = %s AND b.owner = %s ORDER BY 1", (1, 3)),
    ],
)
def test_a_write_to_other_rows_leaves_the_entry_valid(cache: QueryCache, statement: str, parameters: Any) -> None:
    for _ in range(2):
        before = cache.fetch(statement, parameters)
    with cache.connection() as connection:
        connection.execute("UPDATE items SET n = n + 100 WHERE owner = 2")
    assert counted(cache, statement, parameters) == (before, "hit")


@pytest.mark.parametrize(
    ("statement", "parameters"),
    [
        ("SELECT n FROM items WHERE owner = %s OR %s ORDER BY n", (1, False)),
        ("SELECT n FROM items WHERE NOT owner = %s ORDER BY n", (1,)),
        ("SELECT n FROM items WHERE owner > %s ORDER BY n", (1,)),
        ("SELECT n FROM items WHERE price = %s ORDER BY n", (1,)),
        ("SELECT n FROM items WHERE owner = %s::numeric ORDER BY n", (1,)),
        ("SELECT n FROM items WHERE owner = %s ORDER BY n", (Decimal(1),)),
        ("SELECT n FROM items WHERE owner = %s ORDER BY n", (1.0,)),
        ("SELECT n FROM items WHERE owner = %s ORDER BY n", ("1",)),
        ("SELECT n FROM items WHERE owner = %s ORDER BY n", (None,)),
        ("SELECT n FROM items WHERE owner + 0 = %s ORDER BY n", (1,)),
        ("SELECT n FROM items WHERE owner = (SELECT min(id) FROM boxes) ORDER BY n", None),
        ("SELECT n FROM items WHERE owner = (SELECT min(id) FROM boxes WHERE id >= %s) ORDER BY n", (1,)),
        ("SELECT i.n FROM items i JOIN boxes b ON b.id = i.owner WHERE b.name = %s ORDER BY n", ("box 1",)),
        ("SELECT n FROM items WHERE lower(tag) = %s ORDER BY n", ("tag0",)),
        ("SELECT n FROM items WHERE tag::char(4) = %s ORDER BY n", ("tag0",)),
        ("SELECT n FROM items WHERE %(tag)s::char(9) > '' AND tag = %(tag)s ORDER BY n", {"tag": "tag0"}),
        ("SELECT n, (SELECT count(*) FROM items) FROM items WHERE owner = %s ORDER BY n", (1,)),
        ("WITH x AS MATERIALIZED (SELECT * FROM items) SELECT n FROM x WHERE owner = %s ORDER BY n", (1,)),
        ("SELECT plus(n) FROM items WHERE owner = %s ORDER BY n", (1,)),
        ("SELECT more FROM counted WHERE owner = %s ORDER BY n", (1,)),
        ("SELECT n FROM items WHERE id = ANY(%s) ORDER BY n", (list(range(65)),)),
    ],
)
def test_what_is_not_restricted_to_keys_depends_on_the_table(
    cache: QueryCache, direct: psycopg.Connection[Any], statement: str, parameters: Any
) -> None:
    for _ in range(2):
        cache.fetch(statement, parameters)
    assert cache.report()["hits"] == 1
    with cache.connection() as connection:
        connection.execute("UPDATE items SET n = n + 100 WHERE owner = 2")
    assert counted(cache, statement, parameters) == (direct.execute(statement, parameters).fetchall(), "executed")


def test_text_is_no_key_where_a_statement_may_compare_by_another_collation(
    cache: QueryCache, direct: psycopg.Connection[Any]
) -> None:
    """A plan shows ``tag COLLATE other = $1`` as ``tag::text = $1``. CREATE COLLATION would want a server with ICU."""
    direct.execute("SET allow_system_table_mods = on")
    direct.execute("""INSERT INTO pg_collation SELECT (json_populate_record(c, json_build_object('oid', 16000,
        'collname', 'other', 'collisdeterministic', false))).* FROM pg_collation c WHERE collname = 'C'""")
    by_tag, by_owner = "SELECT id FROM items WHERE tag = %s ORDER BY id", "SELECT id FROM items WHERE owner = %s"
    for statement, parameters in ((by_tag, ("tag0",)), (by_owner, (1,))):
        for _ in range(2):
            cache.fetch(statement, parameters)
    with cache.connection() as connection:
        connection.execute("UPDATE items SET n = n + 100 WHERE owner = 2")
    assert counted(cache, by_owner, (1,))[1] == "hit"
    assert counted(cache, by_tag, ("tag0",))[1] == "executed"


CHANGES = [
    "UPDATE items SET n = n + 1 WHERE owner = 1",
    "UPDATE items SET owner = 2 WHERE owner = 1",
    "UPDATE items SET owner = 1 WHERE owner = 2",
    "INSERT INTO items (id, owner) VALUES (99, 1)",
    "INSERT INTO items (id, owner) VALUES (3, 1) ON CONFLICT (id) DO UPDATE SET owner = 2",
    "INSERT INTO items (id, owner) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET owner = 1",
    "MERGE INTO items USING (VALUES (3), (99)) AS v (id) ON items.id = v.id WHEN MATCHED THEN DELETE"
    " WHEN NOT MATCHED THEN INSERT (id, owner) VALUES (v.id, 1)",
    "DELETE FROM items WHERE id = 3",
    "DELETE FROM boxes WHERE id = 1",
    "UPDATE boxes SET id = 11 WHERE id = 1",
    "UPDATE first SET n = 0, owner = 2 WHERE n < 9",
    "DO 'BEGIN UPDATE items SET owner = 2 WHERE owner = 1; UPDATE items SET owner = NULL WHERE owner = 2; END'",
    "UPDATE items SET tag = 'moved' WHERE id = 4",
    "TRUNCATE items",
    "WITH gone AS (DELETE FROM items WHERE owner = 1 RETURNING *) INSERT INTO boxes SELECT id + 100, tag FROM gone",
    "SAVEPOINT s; DELETE FROM items WHERE id = 3; ROLLBACK TO s; UPDATE items SET owner = 2 WHERE id = 6; RELEASE s",
    "ALTER TABLE items DISABLE TRIGGER USER; ALTER TABLE items DISABLE TRIGGER perfbudget_cache_16;"
    " UPDATE items SET owner = 2 WHERE owner = 1; ALTER TABLE items ENABLE ALWAYS TRIGGER perfbudget_cache_16",
    "DELETE FROM items WHERE owner = 1; RESET ALL",
    "RESET ALL; DELETE FROM items WHERE owner = 1",
    "LOCK items IN EXCLUSIVE MODE; DELETE FROM items WHERE owner = 1",
]


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_of_its_rows_is_seen(cache: QueryCache, direct: psycopg.Connection[Any], change: str) -> None:
    direct.execute("""
        CREATE FUNCTION turn() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN IF NEW.tag = ''moved'' THEN NEW.owner := 1; END IF; RETURN NEW; END';
        CREATE TRIGGER turn BEFORE UPDATE ON items FOR EACH ROW EXECUTE FUNCTION turn()""")
    for _ in range(2):
        before = [cache.fetch(OWNER, (owner,)) for owner in (1, 2, 7)]
    with cache.connection() as connection:
        connection.execute(change)
    truth = [direct.execute(OWNER, (owner,)).fetchall() for owner in (1, 2, 7)]
    assert truth != before
    assert [cache.fetch(OWNER, (owner,)) for owner in (1, 2, 7)] == truth


@pytest.mark.parametrize("change", [change for change in CHANGES if ";" not in change or change.startswith("DO")])
def test_a_writer_that_uses_no_cache_owes_the_keys(
    cache: QueryCache, direct: psycopg.Connection[Any], change: str
) -> None:
    cache.cover("boxes")
    for _ in range(2):
        before = [cache.fetch(OWNER, (owner,)) for owner in (1, 2, 3)]
    direct.execute(change)
    time.sleep(0.2)
    truth = [direct.execute(OWNER, (owner,)).fetchall() for owner in (1, 2, 3)]
    assert [cache.fetch(OWNER, (owner,)) for owner in (1, 2)] == truth[:2]
    kept = counted(cache, OWNER, (3,))
    assert kept[0] == truth[2]
    assert kept[1] == ("hit" if truth[2] == before[2] else "executed")


@pytest.mark.parametrize("first", ["cover", "key"])
def test_a_table_with_keys_that_is_covered_as_well_owes_keys(
    cache: QueryCache, direct: psycopg.Connection[Any], first: str
) -> None:
    direct.execute("CREATE TABLE notes (id int, owner int); INSERT INTO notes VALUES (1, 1), (2, 2)")
    for step in (first, "key" if first == "cover" else "cover"):
        cache.cover("notes") if step == "cover" else cache.key("notes", "owner")
    time.sleep(1.1)  # until the backend has reported its DDL
    statement = "SELECT id FROM notes WHERE owner = %s ORDER BY id"
    for _ in range(2):
        cache.fetch(statement, (1,))
        cache.fetch(statement, (2,))
    direct.execute("INSERT INTO notes VALUES (3, 2)")
    time.sleep(0.2)
    assert counted(cache, statement, (2,)) == ([(2,), (3,)], "executed")
    assert counted(cache, statement, (1,)) == ([(1,)], "hit")


def test_a_row_that_another_transaction_has_moved_meanwhile_leaves_where_it_was(
    cache: QueryCache, direct: psycopg.Connection[Any]
) -> None:
    for _ in range(2):
        for owner in (1, 2, 3, 4):
            cache.fetch(OWNER, (owner,))

    def move() -> None:
        with cache.connection() as connection:
            connection.execute("UPDATE items SET owner = owner + 1 WHERE id = 3")  # waits for the first

    with cache.connection() as first:
        first.execute("UPDATE items SET owner = 3 WHERE id = 3")
        second = threading.Thread(target=move)
        second.start()
        waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        while not direct.execute(waiting).fetchone():
            time.sleep(0.01)
        first.commit()
        rows = [cache.fetch(OWNER, (owner,)) for owner in (1, 3)]
        assert [[row[0] for row in found].count(3) for found in rows] in ([0, 1], [0, 0])
        second.join()
    for owner in (1, 2, 3, 4):
        assert cache.fetch(OWNER, (owner,)) == direct.execute(OWNER, (owner,)).fetchall()
    assert direct.execute("SELECT owner FROM items WHERE id = 3").fetchone() == (4,)


def test_many_keys_at_once_are_the_whole_table(cache: QueryCache, direct: psycopg.Connection[Any]) -> None:
    direct.execute("ALTER TABLE items DROP CONSTRAINT items_owner_fkey")
    for _ in range(2):
        cache.fetch(OWNER, (70,))
    with cache.connection() as connection:
        connection.execute("INSERT INTO items (id, owner) SELECT n, n FROM generate_series(1000, 1031) n")
        connection.execute("INSERT INTO items (id, owner) VALUES (70, 70)")
        assert connection.execute(
            "SELECT current_setting('perfbudget_cache.keys_' || 'items'::regclass::oid)"
        ).fetchone() == ("*",)
    assert cache.fetch(OWNER, (70,)) == [(70, None, None)]


def test_a_transaction_that_runs_for_long_keeps_no_new_key_from_being_kept(
    cache: QueryCache, direct: psycopg.Connection[Any]
) -> None:
    cache.fetch(OWNER, (1,))
    with direct.transaction():
        direct.execute("INSERT INTO boxes VALUES (99)")
        cache.fetch(OWNER, (2,))
        assert counted(cache, OWNER, (2,))[1] == "hit"


def test_a_key_that_is_new_waits_for_a_writer_that_has_marked_its_table(
    cache: QueryCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.fetch(OWNER, (1,))
    answer = cache._store.answer
    told: list[Any] = []

    def between(step: Any) -> Any:
        if step.command == "settle":
            return 1  # and the writer is gone
        found = answer(step)
        if step.command == "mark":
            told.extend(cache.fetch(OWNER, (2,)))
        return found

    monkeypatch.setattr(cache._store, "answer", between)
    with cache.connection() as connection:
        connection.execute("UPDATE items SET owner = 3 WHERE owner = 2")
    monkeypatch.undo()
    assert len(told) == 10
    assert cache.fetch(OWNER, (2,)) == cache.fetch(OWNER, (2,)) == []
    assert cache.report()["pending"] == 1


def test_a_writer_of_an_older_snapshot_changes_the_whole_table(
    cache: QueryCache, direct: psycopg.Connection[Any]
) -> None:
    for _ in range(2):
        cache.fetch(OWNER, (1,))
    with cache.connection() as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.execute("SELECT 1 FROM boxes")
        connection.execute("UPDATE items SET n = 0 WHERE owner = 2")
    assert counted(cache, OWNER, (1,))[1] == "executed"


def test_keys_that_are_declared_anew_are_those_of_readers_as_well(
    cache: QueryCache, pool: ConnectionPool, redis_url: str, direct: psycopg.Connection[Any]
) -> None:
    reader = QueryCache(redis_url, pool)
    for _ in range(2):
        reader.fetch(OWNER, (1,))
    cache.key("items", "tag")
    for _ in range(2):
        assert reader.fetch(OWNER, (1,)) == direct.execute(OWNER, (1,)).fetchall()
        with cache.connection() as connection:
            connection.execute("UPDATE items SET n = n + 1 WHERE owner = 1")
    assert reader.fetch(OWNER, (1,)) == direct.execute(OWNER, (1,)).fetchall()


def test_a_key_column_may_be_renamed_and_dropped(cache: QueryCache, direct: psycopg.Connection[Any]) -> None:
    renamed = OWNER.replace("owner", "box")
    with cache.connection() as connection:
        connection.execute("ALTER TABLE items RENAME owner TO box")
    for _ in range(2):
        cache.fetch(renamed, (1,))
    with cache.connection() as connection:
        connection.execute("UPDATE items SET box = 2 WHERE id IN (3, 4)")
    assert cache.fetch(renamed, (1,)) == direct.execute(renamed, (1,)).fetchall()
    tagged = "SELECT n FROM items WHERE tag = %s ORDER BY n"
    with cache.connection() as connection:
        connection.execute("DROP VIEW first, counted; ALTER TABLE items DROP code")
    for _ in range(2):
        cache.fetch(tagged, ("tag0",))
    with cache.connection() as connection:
        connection.execute("UPDATE items SET tag = 'tag1' WHERE id = 3")
    assert cache.fetch(tagged, ("tag0",)) == direct.execute(tagged, ("tag0",)).fetchall()


@pytest.mark.parametrize(
    "code",
    [
        "CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = same)",
        "CREATE OPERATOR public.= (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = int8eq)",
        "CREATE TYPE pair AS (a int); CREATE FUNCTION cast_(pair) RETURNS int LANGUAGE sql AS 'SELECT 1';"
        " CREATE CAST (pair AS int) WITH FUNCTION cast_(pair)",
        "CREATE DOMAIN small AS int CHECK (same(VALUE, 1))",
        "CREATE POLICY few ON items USING (same(n, n))",
    ],
)
def test_code_that_a_plan_does_not_name_ends_keys(
    cache: QueryCache, direct: psycopg.Connection[Any], code: str
) -> None:
    with cache.connection() as connection:
        connection.execute(
            "CREATE FUNCTION same(int, int) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RETURN $1 = $2; END'"
        )
        connection.execute(code)
    for _ in range(2):
        cache.fetch(OWNER, (1,))
    with cache.connection() as connection:
        connection.execute("UPDATE items SET n = 0 WHERE owner = 2")
    assert counted(cache, OWNER, (1,))[1] == "executed"


@pytest.mark.parametrize(
    ("table", "column", "reason"),
    [
        ("items", "price", "several forms"),
        ("items", "nothing", "no column nothing"),
        ("worded", "name", "several forms"),
        ("padded", "name", "several forms"),
        ("parts", "id", "partitioned"),
        ("parts_1", "id", "partitioned"),
        ("fleeting", "id", "permanent"),
        ("first", "id", "permanent"),
    ],
)
def test_what_can_be_no_key_is_refused(
    cache: QueryCache, direct: psycopg.Connection[Any], table: str, column: str, reason: str
) -> None:
    direct.execute("""
        CREATE TABLE padded (name char(4)); CREATE DOMAIN word AS text; CREATE TABLE worded (name word);
        CREATE TABLE parts (id int) PARTITION BY RANGE (id);
        CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
        CREATE UNLOGGED TABLE fleeting (id int)""")
    with pytest.raises(CacheError, match=reason):
        cache.key(table, column)
    triggers = "SELECT count(*) FROM pg_trigger WHERE tgname = 'perfbudget_cache_4'"
    assert direct.execute(triggers).fetchone() == (1,)  # of items


def test_the_counters_of_keys_do_not_stay_for_ever(cache: QueryCache, redis: Any) -> None:
    for owner in range(1, 40):
        cache.fetch(OWNER, (owner,))
    lives = {key: redis.pttl(key) for key in redis.scan_iter("*:v:*")}
    of_keys = [life for key, life in lives.items() if b"=" in key]
    assert len(of_keys) == 39
    assert min(of_keys) > 0
    with cache.connection() as connection:
        connection.execute("UPDATE items SET n = 0 WHERE owner = 1")
    assert all(redis.pttl(key) > 0 for key in redis.scan_iter("*:v:*") if b"=" in key)
    assert len(list(redis.scan_iter("*:v:*"))) == len(lives)  # a writer makes none


def test_the_async_cache_has_keys(cache: QueryCache, dsn: str, redis_url: str) -> None:
    async def scenario() -> None:
        async with AsyncConnectionPool(dsn, min_size=1, open=False) as pool:
            other = AsyncQueryCache(redis_url, pool)
            await other.key("items", "owner")
            await asyncio.sleep(1.1)  # until the backend has reported its DDL
            for _ in range(2):
                found = [await other.fetch(OWNER, (owner,)) for owner in (1, 2)]
            async with other.connection() as connection:
                await connection.execute("UPDATE items SET n = 0 WHERE owner = 2")
            before = int(other.report()["hits"])
            assert await other.fetch(OWNER, (1,)) == found[0]
            assert await other.fetch(OWNER, (2,)) != found[1]
            assert int(other.report()["hits"]) == before + 1
            await other.close()

    asyncio.run(scenario())
