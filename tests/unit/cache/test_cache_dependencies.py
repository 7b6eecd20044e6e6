"""What a statement depends on and the plan of its first parameters does not show: in views, policies and settings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import psycopg
import pytest
from psycopg_pool import ConnectionPool
from redis import Redis

from pytest_perfbudget.cache import QueryCache, Settings
from pytest_perfbudget.cache.queries import dependencies, questions
from pytest_perfbudget.cache.queries.calls import Call
from pytest_perfbudget.cache.queries.state import Known, Place, State
from pytest_perfbudget.cache.queries.steps import Turn, Wait

SCHEMA = """
CREATE TABLE items (id int PRIMARY KEY, tenant text, made timestamptz DEFAULT now());
INSERT INTO items SELECT n, 'tenant ' || n % 2 FROM generate_series(1, 10) n;
CREATE TABLE days (day date, n int) PARTITION BY RANGE (day);
CREATE TABLE days_1 PARTITION OF days FOR VALUES FROM ('2001-01-01') TO ('2002-01-01');
CREATE VIEW told AS SELECT 'fixed' AS kind, 'never'::text AS at FROM items UNION ALL SELECT 'moving', now()::text;
CREATE VIEW later AS SELECT * FROM days WHERE day >= now() - interval '1 hour';
CREATE VIEW listed AS SELECT at FROM (VALUES (now()), (now() + interval '1 day')) AS v (at);
CREATE VIEW few AS SELECT id FROM items ORDER BY id LIMIT extract(second FROM now())::int;
CREATE VIEW old AS SELECT id FROM items WHERE made::date = 'today'::text::date;
CREATE VIEW hours AS SELECT id FROM items WHERE '12:00'::text::timetz IS NOT NULL;
CREATE VIEW sampled AS SELECT 'all' AS kind, id FROM items UNION ALL
    SELECT 'some', id FROM items TABLESAMPLE bernoulli (50);
"""


@pytest.fixture
def pool(dsn: str, direct: psycopg.Connection[Any]) -> Iterator[ConnectionPool]:
    direct.execute(SCHEMA)
    with ConnectionPool(dsn, min_size=1, max_size=2) as pool:
        yield pool


@pytest.fixture
def cache(pool: ConnectionPool, redis_url: str) -> Iterator[QueryCache]:
    cache = QueryCache(redis_url, pool, Settings(licence=0.2))
    cache.install()
    yield cache
    cache.close()


@pytest.mark.parametrize(
    ("statement", "first", "second"),
    [
        pytest.param("SELECT at FROM told WHERE kind = %s", ("fixed",), ("moving",), id="another part of a view"),
        pytest.param("SELECT * FROM later", (), (), id="partitions that are pruned when it begins"),
        pytest.param("SELECT at FROM listed", (), (), id="several rows of VALUES"),
        pytest.param("SELECT id FROM few", (), (), id="a LIMIT"),
        pytest.param("SELECT id FROM old", (), (), id="a date that moves"),
        pytest.param("SELECT id FROM hours", (), (), id="the offset of the day"),
        pytest.param("SELECT id FROM sampled WHERE kind = %s", ("all",), ("some",), id="a sample"),
        pytest.param(
            "SELECT id FROM items WHERE %s AND system_user IS NULL", (False,), (True,), id="who logged in how"
        ),
    ],
)
def test_what_moves_is_not_kept_wherever_it_stands(
    cache: QueryCache, redis: Redis, statement: str, first: tuple[Any, ...], second: tuple[Any, ...]
) -> None:
    for parameters in (first, second, second):
        cache.fetch(statement, parameters)
    assert cache.report() == {"executed": 3, "unkept": 3}
    assert not list(redis.scan_iter("*:e:*"))


def test_a_view_of_tables_alone_is_kept(cache: QueryCache, direct: psycopg.Connection[Any]) -> None:
    direct.execute("CREATE VIEW plain AS SELECT id, lower(tenant) || 'x' AS tenant FROM items WHERE id > 3 LIMIT 5")
    assert cache.fetch("SELECT * FROM plain") == cache.fetch("SELECT * FROM plain")
    assert cache.report()["hits"] == 1


@pytest.fixture
def tenants(direct: psycopg.Connection[Any], dsn: str, cache: QueryCache) -> Iterator[str]:
    """The DSN of a role that row security shows the rows of the tenant that its session names."""
    direct.execute("""
        CREATE ROLE app LOGIN PASSWORD 'app';
        GRANT SELECT, INSERT, DELETE ON perfbudget_cache_debt TO app;
        CREATE TABLE orders (day date, tenant text) PARTITION BY RANGE (day);
        CREATE TABLE orders_1 PARTITION OF orders FOR VALUES FROM ('2001-01-01') TO ('2002-01-01');
        INSERT INTO orders VALUES ('2001-05-05', 'one'), ('2001-05-05', 'two');
        ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
        CREATE POLICY tenant ON orders USING (tenant = current_setting('app.tenant'));
        GRANT SELECT ON orders TO app""")
    yield psycopg.conninfo.make_conninfo(dsn, user="app", password="app")
    direct.execute("DROP OWNED BY app")
    direct.execute("DROP ROLE app")


def of_tenant(tenant: str) -> Any:
    def configure(connection: psycopg.Connection[Any]) -> None:
        connection.autocommit = True
        connection.execute("SELECT set_config('app.tenant', %s, false)", (tenant,))

    return configure


def test_a_policy_that_the_first_plan_leaves_out_separates_tenants(tenants: str, redis_url: str) -> None:
    statement = "SELECT tenant FROM orders WHERE day = %s"
    found = []
    for tenant in ("one", "two"):
        with ConnectionPool(tenants, min_size=1, max_size=1, configure=of_tenant(tenant)) as pool:
            cache = QueryCache(redis_url, pool)
            assert cache.fetch(statement, ("1999-01-01",)) == []  # of no partition: the plan reads nothing
            found.append([cache.fetch(statement, ("2001-05-05",)) for _ in range(2)])
            cache.close()
    assert found == [[[("one",)]] * 2, [[("two",)]] * 2]


def test_a_policy_that_is_not_in_force_does_not_matter(
    tenants: str, cache: QueryCache, direct: psycopg.Connection[Any]
) -> None:
    statement = "SELECT count(*) FROM orders"
    assert cache.fetch(statement) == cache.fetch(statement) == [(2,)]  # of a superuser
    assert cache.report()["hits"] == 1


def test_a_view_that_one_connection_has_for_itself_is_not_kept(
    cache: QueryCache, pool: ConnectionPool, direct: psycopg.Connection[Any]
) -> None:
    direct.execute("CREATE VIEW shown AS SELECT 'for all' AS what FROM items WHERE id = 1")
    with pool.connection() as one, pool.connection() as other:
        one.execute("CREATE TEMP VIEW shown AS SELECT 'of one' AS what FROM items WHERE id = 1")
        one.commit()
        assert one is not other
        cache._pool = Only(one)
        assert cache.fetch("SELECT what FROM shown") == [("of one",)]
        cache._pool = Only(other)
        assert cache.fetch("SELECT what FROM shown") == [("for all",)]
        one.execute("DROP VIEW pg_temp.shown")
        one.commit()


class Only:
    """Lends one connection."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def connection(self) -> Any:
        return nullcontext(self._connection)


@pytest.mark.parametrize(
    ("setting", "one", "other", "statement"),
    [
        ("quote_all_identifiers", "off", "on", "SELECT quote_ident('a') FROM items WHERE id = 1"),
        ("timezone_abbreviations", "Default", "Australia", "SELECT '2020-01-01 12:00 EST'::text::timestamptz"),
        ("pg_trgm.similarity_threshold", "0.3", "0.9", "SELECT count(*) FROM items WHERE tenant %% %s"),
    ],
)
def test_sessions_whose_settings_matter_share_no_entry(
    cache: QueryCache, direct: psycopg.Connection[Any], dsn: str, redis_url: str,
    setting: str, one: str, other: str, statement: str,
) -> None:  # fmt: skip
    direct.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    parameters = ("tenant",) if "%s" in statement else None
    found = []
    for value in (one, other):
        with ConnectionPool(dsn, min_size=1, kwargs={"options": f"-c {setting}={value}"}) as pool:
            cache = QueryCache(redis_url, pool)
            found += [cache.fetch(statement, parameters) for _ in range(2)]
            assert cache.report()["hits"] == 1
            cache.close()
    assert found[0] == found[1] != found[2] == found[3]


def test_a_setting_of_an_extension_is_the_usual_one_before_it_is_loaded(
    cache: QueryCache, direct: psycopg.Connection[Any]
) -> None:
    direct.execute("CREATE EXTENSION pg_trgm")
    session = "SELECT " + questions._SESSION
    before = direct.execute(session).fetchone()
    assert direct.execute("SELECT 'word' % 'words'").fetchone() == (True,)
    assert direct.execute(session).fetchone() == before
    direct.execute("SET pg_trgm.similarity_threshold = 0.9")
    assert direct.execute(session).fetchone() != before


@pytest.mark.parametrize(
    "change",
    [
        "CREATE DEFAULT CONVERSION public.other FOR 'UTF8' TO 'LATIN1' FROM utf8_to_iso8859_1",
        "ALTER OPERATOR FAMILY integer_ops USING hash ADD OPERATOR 1 = (int, money)",
        "ALTER TYPE mood ADD VALUE 'sad'",
        "GRANT SELECT ON items TO public",
        "COMMENT ON TABLE items IS 'kept as it is'",
    ],
)
def test_ddl_changes_the_counter_of_the_schema(direct: psycopg.Connection[Any], dsn: str, change: str) -> None:
    direct.execute("CREATE TABLE items (id int); CREATE TYPE mood AS ENUM ('glad')")
    direct.execute("CREATE FUNCTION same(int, money) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT $1 = 1'")
    direct.execute("CREATE OPERATOR = (leftarg = int, rightarg = money, function = same)")
    with psycopg.connect(dsn) as connection:
        connection.execute(change)
        written = connection.execute(questions.WRITTEN).fetchone()
    assert written
    assert f'"schema" : {str(not change.startswith("COMMENT")).lower()}' in str(written[0])


def test_nobody_sees_a_statement_of_which_functions_are_not_known_yet(
    cache: QueryCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another thread may execute it at once."""
    remembered: list[tuple[str, bool]] = []

    def remember(self: State, fingerprint: str, known: Known) -> Known:
        remembered.append((known.refusal, known.functions))
        return original(self, fingerprint, known)

    original = State.remember
    monkeypatch.setattr(State, "remember", remember)
    cache.fetch("SELECT clock_timestamp() FROM items WHERE id = 1")
    assert remembered == [("it may call clock_timestamp(), which is not immutable", False)]


def test_one_caller_learns_a_statement_and_the_others_wait() -> None:
    """One that is cancelled leaves it to the next."""
    state = State(Settings(), lambda: 0.0, lambda: 0.0)
    learner, other, next_ = (
        dependencies.learned(state, Call("SELECT 1", None, "same", name), None, Place("server", "session"), "schema")
        for name in ("one", "two", "three")
    )
    assert isinstance(next(learner), Turn)
    assert [isinstance(next(other), Wait) for _ in range(3)] == [True] * 3
    learner.close()
    with pytest.raises(StopIteration) as ended:
        next(other)
    assert ended.value.value is True
    assert isinstance(next(next_), Turn)
    next_.close()


def test_nobody_waits_longer_for_another_one_than_for_an_execution() -> None:
    now = [0.0]
    state = State(Settings(flight=5), lambda: now[0], lambda: 0.0)
    assert state.learns("same")
    waiting = dependencies.learned(state, Call("SELECT 1", None, "same", ""), None, Place("", ""), "schema")
    assert isinstance(next(waiting), Wait)
    now[0] = 5.0
    with pytest.raises(StopIteration):
        next(waiting)


def test_a_quoted_function_that_only_the_plan_names_is_seen(
    pool: ConnectionPool, redis_url: str, direct: psycopg.Connection[Any]
) -> None:
    """The body of a function in SQL stands in the plan, with its quotes escaped there."""
    direct.execute("""CREATE FUNCTION "My Clock"() RETURNS timestamptz VOLATILE LANGUAGE plpgsql
        AS 'BEGIN RETURN clock_timestamp(); END'""")
    direct.execute("""CREATE FUNCTION clocked() RETURNS timestamptz LANGUAGE sql AS 'SELECT "My Clock"()'""")
    cache = QueryCache(redis_url, pool, Settings(pure=frozenset({"clocked"})))
    cache.install()
    try:
        assert len({cache.fetch("SELECT clocked() FROM items WHERE id = 1")[0] for _ in range(3)}) == 3
        assert "kept" not in cache.report()
    finally:
        cache.close()
