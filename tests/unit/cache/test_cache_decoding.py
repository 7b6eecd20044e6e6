"""Writers covered by logical decoding, on real servers: whatever changed a table is seen within the licence."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import psycopg
import pytest
from campaigns.cache_model import FOLDERS, LOGICAL
from machine import each_major
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from pytest_perfbudget.cache import AsyncQueryCache, QueryCache, Settings
from pytest_perfbudget.cache.of_a_test import cache_of_a_test
from pytest_perfbudget.cache.queries import decoding, questions, reads
from pytest_perfbudget.cache.queries.calls import Call, call
from pytest_perfbudget.cache.queries.steps import Sql
from pytest_perfbudget.errors import CacheError
from pytest_perfbudget.postgres.embedded import Embedded
from pytest_perfbudget.postgres.local import Local
from pytest_perfbudget.postgres.server import Request, Server

ALL = "SELECT id, name FROM items ORDER BY id"
SCHEMA = """
CREATE TABLE items (id int PRIMARY KEY, name text NOT NULL);
INSERT INTO items SELECT n, 'item ' || n FROM generate_series(1, 20) n;
CREATE VIEW seen AS SELECT id FROM items;
CREATE FUNCTION names() RETURNS bigint STABLE LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM items); END';
CREATE TABLE lines (item int REFERENCES items ON DELETE CASCADE);
INSERT INTO lines SELECT id FROM items;
CREATE TABLE audit (id int);
CREATE TABLE late (id int);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN EXECUTE format(''INSERT INTO %I VALUES (1)'', TG_ARGV[0]); RETURN OLD; END';
CREATE TRIGGER note AFTER DELETE ON items FOR EACH ROW EXECUTE FUNCTION note('audit');
CREATE CONSTRAINT TRIGGER late AFTER DELETE ON items INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note('late');
CREATE TABLE parts (id int) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
CREATE TABLE " Odd ""table"": INSERT:" (id int);
CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM items;
"""


class Clock:
    """Of the caches of a test: it goes on when the test says so."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now

    def past_the_licence(self) -> None:
        self.now += 1.0


@pytest.fixture(scope="module")
def logical(server_cache: str) -> Iterator[Server]:
    offered = Embedded().start(Request(run=uuid.uuid4().hex, cache=server_cache, profile=LOGICAL))
    yield offered
    offered.close()


def database(server: Server) -> Iterator[str]:
    name = f"decoded_{uuid.uuid4().hex[:8]}"
    server.admin.execute(f"CREATE DATABASE {name}")
    try:
        with psycopg.connect(server.dsn(name), autocommit=True) as connection:
            connection.execute(SCHEMA)
        yield server.dsn(name)
    finally:
        server.admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def dsn(logical: Server) -> Iterator[str]:
    yield from database(logical)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pool(dsn: str) -> Iterator[ConnectionPool]:
    with ConnectionPool(dsn, min_size=1, max_size=8) as pool:
        yield pool


def made(pool: ConnectionPool, redis_url: str, clock: Clock, **settings: Any) -> QueryCache:
    cache = QueryCache(redis_url, pool, Settings(pure=frozenset({"names"}), **settings))
    cache._state.clock = clock
    return cache


@pytest.fixture
def cache(pool: ConnectionPool, redis_url: str, clock: Clock) -> Iterator[QueryCache]:
    cache = made(pool, redis_url, clock)
    cache.install()
    cache.decode()
    yield cache
    cache.close()


def hit(cache: QueryCache, statement: str = ALL) -> list[tuple[Any, ...]]:
    """The rows as Redis has them: what a function reads is known after its first execution."""
    for _ in range(4):
        before = cache.report().get("hits", 0)
        rows = cache.fetch(statement)
        if cache.report().get("hits", 0) > before:
            return rows
    raise AssertionError(f"never kept: {cache.report()}")


def executed(cache: QueryCache, statement: str = ALL) -> list[tuple[Any, ...]]:
    """The rows as PostgreSQL gave them just now."""
    before = cache.report()["executed"]
    rows = cache.fetch(statement)
    assert cache.report()["executed"] == int(before) + 1, cache.report()
    return rows


CHANGES = [
    ("SELECT count(*) FROM items", "INSERT INTO items VALUES (99, 'new')"),
    (ALL, "UPDATE items SET name = 'new' WHERE id = 3"),
    ("SELECT count(*) FROM seen", "DELETE FROM items WHERE id = 3"),
    ("SELECT names()", "DELETE FROM items WHERE id = 3"),
    ("SELECT count(*) FROM items", "TRUNCATE audit, items CASCADE"),
    ("SELECT count(*) FROM lines", "DELETE FROM items WHERE id = 3"),
    ("SELECT count(*) FROM lines", "TRUNCATE items CASCADE"),
    ("SELECT count(*) FROM audit", "DELETE FROM items WHERE id = 3"),
    ("SELECT count(*) FROM late", "DELETE FROM items WHERE id = 3"),
    ("SELECT count(*) FROM parts", "INSERT INTO parts_1 VALUES (3)"),
    ("SELECT count(*) FROM parts WHERE id = 3", "INSERT INTO parts VALUES (3)"),
    ("SELECT count(*) FROM audit", "DO 'BEGIN INSERT INTO audit VALUES (1); END'"),
    ("SELECT count(*) FROM audit", "SET synchronous_commit = off; INSERT INTO audit VALUES (1)"),
    ("SELECT count(*) FROM audit", "SET session_replication_role = replica; INSERT INTO audit VALUES (1)"),
    ("SELECT count(*) FROM audit",
     "BEGIN; SAVEPOINT a; INSERT INTO audit VALUES (1); ROLLBACK TO a; INSERT INTO audit VALUES (2); COMMIT"),
    ("SELECT count(*) FROM audit",
     "BEGIN; INSERT INTO audit VALUES (1); SAVEPOINT a; INSERT INTO late VALUES (1); ROLLBACK TO a; COMMIT"),
    ('SELECT count(*) FROM " Odd ""table"": INSERT:"', 'INSERT INTO " Odd ""table"": INSERT:" VALUES (1)'),
    ('SELECT count(*) FROM " Odd ""table"": INSERT:"', 'INSERT INTO audit VALUES (1); '
     'INSERT INTO " Odd ""table"": INSERT:" VALUES (1); ALTER TABLE " Odd ""table"": INSERT:" RENAME TO other; '
     'CREATE TABLE " Odd ""table"": INSERT:" AS SELECT 7 AS id FROM generate_series(1, 9)'),
    ("SELECT * FROM items ORDER BY id", "ALTER TABLE items ADD more int DEFAULT 5"),
    ("SELECT * FROM items ORDER BY id", "ALTER TABLE items ALTER name TYPE text USING 'rewritten'"),
    ("SELECT count(*) FROM seen", "CREATE OR REPLACE VIEW seen AS SELECT 1 AS id"),
    ("SELECT names()", "CREATE OR REPLACE FUNCTION names() RETURNS bigint STABLE LANGUAGE sql AS 'SELECT 0::bigint'"),
    ("SELECT * FROM counted", "DELETE FROM items WHERE id = 3; REFRESH MATERIALIZED VIEW counted"),
    ("SELECT count(*) FROM late", "DROP TABLE late; CREATE TABLE late AS SELECT 1 AS id"),
    ("SELECT count(*) FROM parts", "CREATE TABLE more AS SELECT 12 AS id; "
     "ALTER TABLE parts ATTACH PARTITION more FOR VALUES FROM (10) TO (20)"),
]  # fmt: skip


@pytest.fixture(params=each_major(), scope="module")
def of_each_major(request: pytest.FixtureRequest, server_cache: str) -> Iterator[Server]:
    asked = Request(
        run=uuid.uuid4().hex, cache=server_cache, profile=LOGICAL, server="local", major=request.param, local=FOLDERS
    )
    offered = Local().start(asked)
    yield offered
    offered.close()


def changed(dsn: str, redis_url: str, statement: str, change: str) -> None:
    """A writer that knows of no cache makes the change; it is seen when the licence has ended."""
    clock = Clock()
    with ConnectionPool(dsn, min_size=1) as pool, psycopg.connect(dsn, autocommit=True) as direct:
        cache = made(pool, redis_url, clock)
        cache.install()
        cache.decode()
        before = hit(cache, statement)
        direct.execute(change.encode())
        direct.execute("RESET ALL")
        truth = direct.execute(statement.encode()).fetchall()
        clock.past_the_licence()
        assert executed(cache, statement) == truth != before
        assert hit(cache, statement) == truth
        cache.close()


@pytest.mark.parametrize(("statement", "change"), CHANGES)
def test_whatever_changed_a_table_is_seen_within_the_licence(
    dsn: str, redis_url: str, statement: str, change: str
) -> None:
    changed(dsn, redis_url, statement, change)


def test_majors_decode_alike(of_each_major: Server, redis_url: str) -> None:
    for statement, change in CHANGES:
        for dsn in database(of_each_major):
            changed(dsn, redis_url, statement, change)


def test_copy_is_seen(cache: QueryCache, clock: Clock, dsn: str) -> None:
    hit(cache)
    with psycopg.connect(dsn) as direct, direct.cursor().copy("COPY items FROM STDIN") as copy:
        copy.write_row((50, "copied"))
    clock.past_the_licence()
    assert executed(cache)[-1] == (50, "copied")


@pytest.mark.parametrize(
    "change",
    [
        "BEGIN; DELETE FROM items; ROLLBACK",
        "INSERT INTO audit VALUES (1); TRUNCATE late",
        "CREATE TEMP TABLE own AS SELECT 1 AS id",
        "ANALYZE",
        "BEGIN; SAVEPOINT a; DELETE FROM items; ROLLBACK TO a; INSERT INTO audit VALUES (1); COMMIT",
    ],
)
def test_what_changes_no_table_of_the_entry_leaves_it(cache: QueryCache, clock: Clock, dsn: str, change: str) -> None:
    before = hit(cache)
    with psycopg.connect(dsn, autocommit=True) as direct:
        direct.execute(change.encode())
    clock.past_the_licence()
    cache.fetch("SELECT 1")  # asks
    assert cache.report()["executed"] == 2
    assert hit(cache) == before
    assert cache.report()["executed"] == 2


def test_what_the_cache_has_announced_is_not_paid_again(
    cache: QueryCache, clock: Clock, dsn: str, redis_url: str
) -> None:
    cache.key("items", "id")
    one = "SELECT name FROM items WHERE id = 3"
    hit(cache, one)
    with ConnectionPool(dsn, min_size=1) as pool, made(pool, redis_url, clock).connection() as connection:
        connection.execute("UPDATE items SET name = 'new' WHERE id = 4")
    clock.past_the_licence()
    before = cache.report()["executed"]
    assert cache.fetch(one) == [("item 3",)]
    assert cache.report()["executed"] == before
    assert "decoded" not in cache.report()
    with psycopg.connect(dsn, autocommit=True) as direct:
        direct.execute("UPDATE items SET name = 'newer' WHERE id = 4")  # decoding does not tell keys
    clock.past_the_licence()
    assert executed(cache, one) == [("item 3",)]


def test_unlogged_and_foreign_tables_are_not_kept(cache: QueryCache, clock: Clock, dsn: str) -> None:
    statement = "SELECT count(*) FROM audit"
    hit(cache, statement)
    with psycopg.connect(dsn, autocommit=True) as direct:
        direct.execute("ALTER TABLE audit SET UNLOGGED; INSERT INTO audit VALUES (1)")
        clock.past_the_licence()
        assert executed(cache, statement) == [(1,)]
        direct.execute("INSERT INTO audit VALUES (2)")
        assert executed(cache, statement) == [(2,)]
        assert executed(cache, statement) == [(2,)]
        direct.execute("CREATE EXTENSION file_fdw; CREATE SERVER files FOREIGN DATA WRAPPER file_fdw")
        direct.execute("CREATE FOREIGN TABLE away (line text) SERVER files OPTIONS (filename '/dev/null')")
        clock.past_the_licence()
        for _ in range(3):
            assert executed(cache, "SELECT count(*) FROM away") == [(0,)]


def test_of_two_processes_one_pays_for_both(
    cache: QueryCache, pool: ConnectionPool, redis_url: str, clock: Clock, dsn: str
) -> None:
    other = made(pool, redis_url, clock)
    before = hit(cache)
    assert other.fetch(ALL) == before
    with psycopg.connect(dsn, autocommit=True) as direct:
        direct.execute("DELETE FROM items WHERE id > 3")
    clock.past_the_licence()
    assert len(executed(cache)) == 3
    assert other.fetch(ALL) == cache.fetch(ALL)
    assert cache.report()["decoded"] == 1
    assert "decoded" not in other.report()
    assert other.report()["hits"] == 2


def stopped_at(cache: QueryCache, connection: psycopg.Connection[Any], text: str) -> None:
    """A reader is killed before it executes that statement."""
    asked = call(ALL, None)
    assert isinstance(asked, Call)
    steps, answer, paid = reads.miss(cache._state, asked, cache._state.clock()), None, text == decoding._PEEK
    while True:
        step = steps.send(answer)
        if paid and isinstance(step, Sql) and step.text == text:
            steps.close()
            connection.close()
            return
        answer = cache._driving._answer(step, connection)
        paid = paid or (isinstance(step, Sql) and step.text == decoding._PEEK and bool(questions.value(answer)["upto"]))


@pytest.mark.parametrize("at", ["COMMIT", decoding._ADVANCE, decoding._PEEK])
def test_a_reader_killed_while_it_pays_loses_nothing(
    cache: QueryCache, pool: ConnectionPool, redis_url: str, clock: Clock, dsn: str, at: str
) -> None:
    before = hit(cache)
    with psycopg.connect(dsn, autocommit=True) as direct:
        direct.execute("DELETE FROM items WHERE id > 3")
        slot = "SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE database = current_database()"
        position = direct.execute(slot).fetchone()
        clock.past_the_licence()
        stopped_at(made(pool, redis_url, clock), psycopg.connect(dsn, autocommit=True), at)
        assert (direct.execute(slot).fetchone() == position) is (at != "COMMIT")
    assert len(executed(cache)) == 3 != len(before)


def test_without_redis_the_slot_stays_where_it_was(cache: QueryCache, pool: ConnectionPool, clock: Clock) -> None:
    hit(cache)
    with pool.connection() as direct:
        direct.execute("DELETE FROM items WHERE id > 3")
    clock.past_the_licence()
    cut_off = made(pool, "redis://127.0.0.1:1/0", clock)
    assert len(executed_by(cut_off)) == 3
    assert cut_off.report()["unreachable"] == 1
    assert len(executed(cache)) == 3


def executed_by(cache: QueryCache) -> list[tuple[Any, ...]]:
    rows = cache.fetch(ALL)
    assert cache.report()["executed"] == 1
    return rows


def test_while_another_reads_the_slot_statements_run_without_the_cache(
    cache: QueryCache, clock: Clock, pool: ConnectionPool, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    hit(cache)
    with psycopg.connect(dsn, autocommit=True) as reader, pool.connection() as direct:
        reader.execute("BEGIN")
        assert reader.execute("SELECT public.perfbudget_cache_peek(pg_current_wal_insert_lsn(), 10)").fetchone()
        direct.execute("DELETE FROM items WHERE id > 3")
        direct.commit()
        clock.past_the_licence()
        for _ in range(2):
            assert len(executed(cache)) == 3
        assert cache.report()["undecoded"] == 2
        assert "others read the slot" in str(cache.report()["decoding"])
    clock.past_the_licence()
    assert len(executed(cache)) == 3
    assert len(hit(cache)) == 3


def test_more_than_is_read_at_once_is_read_by_and_by(
    cache: QueryCache, clock: Clock, pool: ConnectionPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "_PEEK", decoding._PEEK.replace(str(decoding.MOST), "6"))
    hit(cache)
    with pool.connection() as direct:
        for place in range(decoding.LOOKS * 3):
            direct.execute("INSERT INTO audit VALUES (%s)", (place,))
            direct.commit()
        direct.execute("DELETE FROM items WHERE id > 3")
    clock.past_the_licence()
    assert len(executed(cache)) == 3
    assert cache.report()["undecoded"] == 1
    clock.past_the_licence()
    assert len(executed(cache)) == 3
    assert len(hit(cache)) == 3
    assert cache.report()["undecoded"] == 1


def test_a_commit_that_is_decoded_before_it_is_visible_is_not_passed(
    cache: QueryCache, clock: Clock, dsn: str, logical: Server
) -> None:
    """It waits for a standby that is not there: readers do not see it, and what they keep goes when they do."""
    hit(cache)
    with psycopg.connect(dsn, autocommit=True) as direct:
        setting(logical, "synchronous_standby_names", "nobody")
        try:
            writer = threading.Thread(target=lambda: direct.execute("DELETE FROM items WHERE id > 3"))
            writer.start()
            waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
            while not logical.admin.execute(waiting).fetchone():
                logical.admin.execute("SELECT pg_sleep(0.01)")
            for _ in range(2):
                clock.past_the_licence()
                assert len(hit(cache)) == 20
        finally:
            setting(logical, "synchronous_standby_names", None)
        writer.join()
    clock.past_the_licence()
    assert len(executed(cache)) == 3


def setting(server: Server, name: str, value: str | None) -> None:
    """Of the server, its own with None; in force."""
    change = f"RESET {name}" if value is None else f"SET {name} = '{value}'"
    server.admin.execute(f"ALTER SYSTEM {change}".encode())
    server.admin.execute("SELECT pg_reload_conf()")
    reset = "SELECT setting = boot_val FROM pg_settings WHERE name = %s"
    while server.admin.execute(reset, (name,)).fetchone() != (value is None,):
        server.admin.execute("SELECT pg_sleep(0.01)")


def test_a_slot_that_was_dropped_is_no_reason_for_stale_rows(cache: QueryCache, clock: Clock, dsn: str) -> None:
    before = hit(cache)
    with psycopg.connect(dsn, autocommit=True) as direct:
        direct.execute("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots")
        direct.execute("DELETE FROM items WHERE id > 3")
    clock.past_the_licence()
    for _ in range(2):
        assert len(executed(cache)) == 3 != len(before)
    assert cache.report()["undecoded"] == 2
    assert "is missing; decode() makes it anew" in str(cache.report()["decoding"])
    cache.decode()
    assert len(executed(cache)) == 3
    assert len(hit(cache)) == 3


def test_a_slot_that_was_lost_is_made_anew(cache: QueryCache, clock: Clock, dsn: str, logical: Server) -> None:
    before = hit(cache)
    with psycopg.connect(dsn, autocommit=True) as direct:
        setting(logical, "max_slot_wal_keep_size", "1MB")
        try:
            direct.execute("DELETE FROM items WHERE id > 3")
            for _ in range(3):
                direct.execute("SELECT pg_logical_emit_message(false, '', 'x'), pg_switch_wal()")
            direct.execute("CHECKPOINT")
        finally:
            setting(logical, "max_slot_wal_keep_size", None)
    clock.past_the_licence()
    assert len(executed(cache)) == 3 != len(before)
    assert "is lost" in str(cache.report()["decoding"])
    cache.decode()
    assert len(executed(cache)) == 3
    assert len(hit(cache)) == 3


def test_a_copy_of_the_database_has_no_slot(
    cache: QueryCache, pool: ConnectionPool, dsn: str, logical: Server, redis_url: str, clock: Clock
) -> None:
    name = conninfo_to_dict(dsn)["dbname"]
    hit(cache)
    pool.close()
    logical.admin.execute(f"CREATE DATABASE {name}_copy TEMPLATE {name}".encode())
    try:
        with ConnectionPool(logical.dsn(f"{name}_copy"), min_size=1) as pool:
            copy = made(pool, redis_url, clock)
            copy.fetch(ALL)
            assert copy.report()["undecoded"] == 1
            assert "is of another database" in str(copy.report()["decoding"])
            copy.decode()
            hit(copy)
            logical.admin.execute("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots")
            with cache_of_a_test(redis_url, pool, logical.dsn(f"{name}_copy"), nullcontext) as tested:
                hit(tested)
    finally:
        logical.admin.execute(f"DROP DATABASE {name}_copy WITH (FORCE)".encode())


def test_the_slot_is_dropped_with_all_that_came_with_it(cache: QueryCache, clock: Clock, dsn: str) -> None:
    hit(cache)
    cache.undecode()
    clock.past_the_licence()
    hit(cache)
    with psycopg.connect(dsn, autocommit=True) as direct:
        for left in (
            "SELECT slot_name::text FROM pg_replication_slots",
            "SELECT evtname::text FROM pg_event_trigger",
            "SELECT proname::text FROM pg_proc WHERE proname LIKE 'perfbudget%'",
        ):
            assert direct.execute(left.encode()).fetchall() == []
        direct.execute("DROP TABLE perfbudget_cache_debt")


def test_ddl_goes_on_without_the_table_of_debts(cache: QueryCache, dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as direct:
        direct.execute("DROP TABLE perfbudget_cache_debt")
        direct.execute("CREATE TABLE another (id int)")


@pytest.fixture
def role(logical: Server, dsn: str) -> Iterator[str]:
    name = f"reader_{uuid.uuid4().hex[:8]}"
    logical.admin.execute(f"CREATE ROLE {name} LOGIN".encode())
    yield name
    with psycopg.connect(dsn, autocommit=True) as direct:
        direct.execute(f"DROP OWNED BY {name}".encode())
    logical.admin.execute(f"DROP ROLE {name}".encode())


def test_who_reads_needs_no_right_to_replicate(
    cache: QueryCache, dsn: str, role: str, redis_url: str, clock: Clock
) -> None:
    with (
        psycopg.connect(dsn, autocommit=True) as direct,
        ConnectionPool(dsn, kwargs={"user": role}, min_size=1) as pool,
    ):
        direct.execute(f"GRANT SELECT ON items TO {role}".encode())
        direct.execute(f"GRANT SELECT, INSERT, DELETE ON perfbudget_cache_debt TO {role}".encode())
        other = made(pool, redis_url, clock)
        direct.execute("DELETE FROM items WHERE id > 3")
        assert len(executed_by(other)) == 3
        assert "permission denied" in str(other.report()["decoding"])
        functions = "FUNCTION perfbudget_cache_peek(pg_lsn, int), perfbudget_cache_advance(pg_lsn)"
        direct.execute(f"GRANT EXECUTE ON {functions} TO {role}".encode())
        clock.past_the_licence()
        assert len(hit(other)) == 3


def test_what_speaks_against_decoding_is_said_when_it_is_chosen(
    dsn: str, role: str, redis_url: str, clock: Clock, pool: ConnectionPool
) -> None:
    cache = made(pool, redis_url, clock)
    with pytest.raises(CacheError, match=r"debts is not there\n.*install"):
        cache.decode()
    cache.install()
    with ConnectionPool(dsn, kwargs={"user": role}, min_size=1) as other, psycopg.connect(dsn) as direct:
        theirs = made(other, redis_url, clock)
        with pytest.raises(CacheError, match=f"ALTER ROLE {role} REPLICATION"):
            theirs.decode()
        direct.execute(f"ALTER ROLE {role} REPLICATION".encode())
        direct.execute(f"GRANT CREATE ON SCHEMA public TO {role}".encode())
        direct.execute(f"ALTER TABLE perfbudget_cache_debt OWNER TO {role}".encode())
        direct.execute(f"GRANT SELECT ON items TO {role}".encode())
        direct.commit()
        with pytest.raises(CacheError, match=r"event trigger.*\n.*\n.*ddl=False"):
            theirs.decode()
        theirs.decode(ddl=False)
        hit(theirs)
        direct.execute("DELETE FROM items WHERE id > 3")
        direct.commit()
        clock.past_the_licence()
        assert len(executed(theirs)) == 3
        theirs.undecode()


def test_a_server_that_does_not_log_enough_is_named(server: Server, redis_url: str) -> None:
    with ConnectionPool(server.dsn("postgres"), min_size=1) as pool:
        cache = QueryCache(redis_url, pool)
        cache.install()
        try:
            with pytest.raises(CacheError, match="wal_level is replica") as caught:
                cache.decode()
            assert "ALTER SYSTEM SET wal_level = logical" in caught.value.remedy
        finally:
            server.admin.execute(f"DROP TABLE {questions.DEBTS}".encode())


def test_where_there_can_be_no_further_slot_it_is_said(
    pool: ConnectionPool, redis_url: str, clock: Clock, logical: Server
) -> None:
    cache = made(pool, redis_url, clock)
    cache.install()
    free = "SELECT current_setting('max_replication_slots')::int - count(*) FROM pg_replication_slots"
    (number,) = logical.admin.execute(free).fetchone() or (0,)
    names = [f"taken_{place}" for place in range(number)]
    for name in names:
        logical.admin.execute("SELECT pg_create_physical_replication_slot(%s)", (name,))
    try:
        with pytest.raises(CacheError, match="all replication slots are in use"):
            cache.decode()
        hit(cache)
    finally:
        for name in names:
            logical.admin.execute("SELECT pg_drop_replication_slot(%s)", (name,))


@pytest.mark.asyncio
async def test_the_async_cache_decodes_alike(dsn: str, redis_url: str, clock: Clock) -> None:
    async with AsyncConnectionPool(dsn, min_size=1, open=False) as apool:
        cache = AsyncQueryCache(redis_url, apool)
        cache._state.clock = clock
        await cache.install()
        await cache.decode()
        await cache.fetch(ALL)
        await cache.fetch(ALL)
        assert cache.report()["hits"] == 1
        async with apool.connection() as direct:
            await direct.execute("DELETE FROM items WHERE id > 3")
        clock.past_the_licence()
        assert len(await cache.fetch(ALL)) == 3
        await cache.undecode()
        await cache.close()
