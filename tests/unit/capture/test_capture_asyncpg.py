from __future__ import annotations

import asyncio
import inspect
import io
import subprocess
import sys
import uuid
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import psycopg
import pytest

from pytest_perfbudget.capture import asyncpg_methods
from pytest_perfbudget.capture.asyncpg import Asyncpg
from pytest_perfbudget.capture.hub import Hub
from pytest_perfbudget.capture.libpq import send
from pytest_perfbudget.model import Statement

HERE = Path(__file__).name
ONE = "SELECT note FROM orders WHERE id = $1"

Body = Callable[[asyncpg.Connection], Awaitable[Any]]


@pytest.fixture
def hub() -> Iterator[Hub]:
    hub, driver = Hub(str(Path(__file__).parent)), Asyncpg()
    hub.watch("watched")
    hub.watch("plain")
    driver.install(hub)
    hub.start()
    try:
        yield hub
    finally:
        driver.uninstall()


def on(dsn: str, body: Body, **options: Any) -> Any:
    """What ``body`` gives, on a connection in a loop of its own."""

    async def run() -> Any:
        connection = await asyncpg.connect(dsn, **options)
        try:
            return await body(connection)
        finally:
            await connection.close()

    return asyncio.run(run())


def line() -> int:
    return inspect.currentframe().f_back.f_lineno  # type: ignore[union-attr]


def trips(statements: tuple[Statement, ...]) -> list[int]:
    return [statement.round_trips for statement in statements]


def test_a_fetch_is_recorded_as_the_server_got_it(hub: Hub, dsn: str) -> None:
    async def body(connection: asyncpg.Connection) -> int:
        rows, at = await connection.fetch(ONE, 7), line()
        assert rows[0]["note"] == "n7"
        return at

    at = on(dsn, body)
    (statement,) = hub.stop()
    assert (statement.sql, statement.params, statement.types, statement.formats) == (ONE, (b"7",), (23,), (0,))
    assert (statement.rows, statement.calls, statement.error) == (1, 1, None)
    assert statement.duration > 0
    assert statement.site is not None
    assert (statement.site.file, statement.site.line, statement.site.function) == (HERE, at, "body")
    (plan,) = statement.plans
    assert (plan["Query Text"], plan["Plan"]["Actual Rows"]) == (ONE, 1)


def test_preparing_is_a_round_trip_of_the_first_execution(hub: Hub, dsn: str) -> None:
    async def body(connection: asyncpg.Connection) -> None:
        for n in range(3):
            await connection.fetchval(ONE, n)
        prepared = await connection.prepare("SELECT counted($1)")
        for n in range(2):
            await prepared.fetchrow(n)
        await connection.execute("SELECT 1")

    on(dsn, body)
    statements = hub.stop()
    assert trips(statements) == [2, 1, 1, 2, 1, 1]
    assert {statement.prepares for statement in statements} == {0}
    assert [len(statement.plans) for statement in statements] == [1, 1, 1, 2, 2, 1]


def test_without_a_statement_cache_every_execution_is_prepared(hub: Hub, dsn: str) -> None:
    async def body(connection: asyncpg.Connection) -> None:
        for n in range(3):
            await connection.fetch(ONE, n)

    on(dsn, body, statement_cache_size=0)
    statements = hub.stop()
    assert trips(statements) == [2, 2, 2]
    assert {statement.prepares for statement in statements} == {None}


def test_every_method_is_seen(hub: Hub, dsn: str) -> None:
    async def body(connection: asyncpg.Connection) -> None:
        await connection.execute("SELECT 1; SELECT id FROM orders LIMIT 3")
        await connection.execute(ONE, 1)
        await connection.fetch(ONE, 2)
        await connection.fetchrow("SELECT id FROM orders ORDER BY id")
        await connection.fetchval(ONE, 4)
        await connection.fetchmany(ONE, [(5,), (6,)])
        await connection.executemany("INSERT INTO log VALUES ($1)", [(1,), (2,), (3,)])
        prepared = await connection.prepare(ONE)
        await prepared.fetch(7)
        await prepared.fetchmany([(8,), (9,)])
        await prepared.executemany([(10,), (11,)])

    on(dsn, body)
    statements = hub.stop()
    assert [s.calls for s in statements] == [1, 1, 1, 1, 1, 2, 3, 1, 2, 2]
    assert [s.rows for s in statements] == [3, 1, 1, 1, 1, 2, 0, 1, 2, 0]
    assert [len(s.plans) for s in statements] == [2, 1, 1, 1, 1, 2, 3, 1, 2, 2]
    assert statements[6].params == (b"3",)


def test_connections_and_pools_made_before_are_seen(dsn: str) -> None:
    hub, driver = Hub(), Asyncpg()
    hub.watch("watched")

    async def run() -> None:
        connection = await asyncpg.connect(dsn)
        prepared = await connection.prepare("SELECT 3")
        async with asyncpg.create_pool(dsn, min_size=1, max_size=2) as pool:
            await pool.fetch("SELECT 0")
            driver.install(hub)
            hub.start()
            await connection.fetch("SELECT 1")
            await pool.fetch("SELECT 2")
            await prepared.fetch()
            async with pool.acquire() as taken:
                await taken.fetch("SELECT 4")
        await connection.close()

    try:
        asyncio.run(run())
        statements = hub.stop()
    finally:
        driver.uninstall()
    assert [s.sql for s in statements] == ["SELECT 1", "SELECT 2", "SELECT 3", "SELECT 4"]
    assert [len(s.plans) for s in statements] == [1, 1, 1, 1]


def test_what_asyncpg_asks_for_itself_is_no_statement(hub: Hub, dsn: str) -> None:
    async def run() -> None:
        async with asyncpg.create_pool(dsn, min_size=1, max_size=1) as pool, pool.acquire() as connection:
            async with connection.transaction(), connection.transaction():
                await connection.fetch("SELECT 1")
            await connection.execute("CREATE TYPE mood AS ENUM ('ok')")
            await connection.fetch("SELECT $1::mood[]", ["ok"])
            await connection.set_type_codec("json", encoder=str, decoder=str, schema="pg_catalog")
            await connection.execute("DROP TYPE mood")
            await connection.fetchrow(";")

    asyncio.run(run())
    statements = hub.stop()
    assert [s.sql.split()[0] for s in statements] == ["SELECT", "CREATE", "SELECT", "DROP"]
    assert statements[2].params == (b"{ok}",)


def test_in_a_transaction_each_statement_has_its_own_plan(hub: Hub, dsn: str) -> None:
    async def body(connection: asyncpg.Connection) -> None:
        async with connection.transaction():
            await connection.fetch("SELECT counted(1)")
            await connection.fetch(ONE, 1)
            await connection.executemany("INSERT INTO log VALUES ($1)", [(1,), (2,)])
            await connection.execute("UPDATE log SET n = 3")

    on(dsn, body)
    statements = hub.stop()
    assert [len(s.plans) for s in statements] == [2, 1, 2, 1]
    assert [{plan["Query Text"] for plan in s.plans} & {s.sql} for s in statements] == [{s.sql} for s in statements]


def test_the_plan_of_a_transaction_left_open_is_fetched_when_the_recording_ends(hub: Hub, dsn: str) -> None:
    loop = asyncio.new_event_loop()
    connection = loop.run_until_complete(asyncpg.connect(dsn))
    transaction = connection.transaction()
    loop.run_until_complete(transaction.start())
    assert loop.run_until_complete(connection.fetchval(ONE, 7)) == "n7"
    (statement,) = hub.stop()
    assert [plan["Query Text"] for plan in statement.plans] == [ONE]
    # The connection does not know that anything was asked.
    assert loop.run_until_complete(connection.fetchval(ONE, 8)) == "n8"
    loop.run_until_complete(transaction.rollback())
    loop.run_until_complete(connection.close())
    loop.close()


def test_a_connection_that_is_being_cancelled_is_left_alone(hub: Hub, dsn: str) -> None:
    loop = asyncio.new_event_loop()
    connection = loop.run_until_complete(asyncpg.connect(dsn))
    transaction = connection.transaction()
    loop.run_until_complete(transaction.start())
    loop.run_until_complete(connection.fetch(ONE, 7))
    with pytest.raises(asyncio.TimeoutError):
        loop.run_until_complete(connection.fetch("SELECT pg_sleep(5)", timeout=0.05))
    assert [s.error for s in hub.stop()] == [None, "TimeoutError"]
    loop.run_until_complete(transaction.rollback())
    assert loop.run_until_complete(connection.fetchval(ONE, 8)) == "n8"
    loop.run_until_complete(connection.close())
    loop.close()


def test_a_cursor_counts_its_batches(hub: Hub, dsn: str) -> None:
    async def body(connection: asyncpg.Connection) -> None:
        async with connection.transaction():
            found = [row async for row in connection.cursor("SELECT id FROM orders LIMIT 120", prefetch=50)]
            assert len(found) == 120
            cursor = await connection.cursor("SELECT id FROM orders ORDER BY id")
            assert len(await cursor.fetch(10)) == 10
            assert await cursor.forward(5) == 5
            assert (await cursor.fetchrow())["id"] == 16

    on(dsn, body)
    iterated, fetched = hub.stop()
    # prepared, 50, 50, 20, closed; prepared, bound, 10, skipped, 1.
    assert (iterated.rows, iterated.round_trips, len(iterated.plans)) == (120, 5, 1)
    assert (fetched.rows, fetched.round_trips, len(fetched.plans)) == (11, 5, 1)


def test_copy(hub: Hub, dsn: str) -> None:
    async def body(connection: asyncpg.Connection) -> None:
        await connection.copy_from_query("SELECT id FROM orders WHERE id <= $1", 5, output=io.BytesIO())
        await connection.copy_from_table("orders", output=io.BytesIO())
        await connection.copy_records_to_table("log", records=[(1,), (2,)])
        await connection.copy_to_table("log", source=io.BytesIO(b"3\n"))

    on(dsn, body)
    query, table, records, source = hub.stop()
    assert [s.rows for s in (query, table, records, source)] == [5, 200, 0, 0]
    assert trips((query, table, records, source)) == [1, 1, 2, 1]
    assert query.sql.startswith("COPY (SELECT id FROM orders WHERE id <= '5')")
    assert len(query.plans) == 1


MANY = [
    ("int", 1),
    ("bigint", 2**40),
    ("numeric", Decimal("1.50")),
    ("float8", 0.25),
    ("text", "é'\\"),
    ("varchar", ""),
    ("bytea", b"\x00\xff"),
    ("bool", True),
    ("date", date(2024, 2, 29)),
    ("timestamptz", datetime(2024, 2, 29, 12, 30, 1, 5, UTC)),
    ("interval", timedelta(days=-1, microseconds=5)),
    ("uuid", uuid.UUID(int=7)),
    ("int[]", (1, None, 3)),
    ("text[]", ["a,b", 'c"d', ""]),
    ("text", None),
    ("jsonb", '{"a": 1}'),
    ("inet", "10.0.0.1"),
]


@pytest.mark.parametrize(("kind", "value"), MANY, ids=[kind for kind, _ in MANY])
def test_a_statement_can_be_sent_again_through_libpq(hub: Hub, dsn: str, kind: str, value: Any) -> None:
    async def body(connection: asyncpg.Connection) -> str | None:
        return await connection.fetchval(f"SELECT $1::{kind}::text", value)

    found = on(dsn, body)
    (statement,) = hub.stop()
    with psycopg.connect(dsn) as connection:
        again = send(connection, statement).get_value(0, 0)
    assert (None if again is None else again.decode()) == found


def test_a_value_that_only_asyncpg_can_write_leaves_the_plan(hub: Hub, dsn: str) -> None:
    async def body(connection: asyncpg.Connection) -> None:
        await connection.fetch("SELECT $1::int4range", asyncpg.Range(1, 5))

    on(dsn, body)
    (statement,) = hub.stop()
    assert (statement.params, statement.types, len(statement.plans)) == ((), (), 1)


def test_errors_timeouts_and_cancellations_are_the_applications_own(hub: Hub, dsn: str) -> None:
    async def body(connection: asyncpg.Connection) -> None:
        with pytest.raises(asyncpg.UndefinedTableError):
            await connection.fetch("SELECT * FROM nowhere")
        with pytest.raises(asyncpg.DivisionByZeroError):
            await connection.fetch("SELECT 1 / $1::int", 0)
        with pytest.raises(asyncpg.PostgresSyntaxError):
            await connection.execute("SELEC 1")
        with pytest.raises(asyncpg.DataError):
            await connection.fetch(ONE, "seven")
        with pytest.raises(asyncio.TimeoutError):
            await connection.fetch("SELECT pg_sleep(5)", timeout=0.05)
        task = asyncio.create_task(connection.fetch("SELECT pg_sleep(6)"))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await connection.fetchval("SELECT 1") == 1

    on(dsn, body)
    statements = hub.stop()
    states = [(s.sql[:15], s.error) for s in statements]
    assert states == [
        ("SELECT * FROM n", "42P01"),
        ("SELECT 1 / $1::", "22012"),
        ("SELEC 1", "42601"),
        ("SELECT pg_sleep", "TimeoutError"),
        ("SELECT pg_sleep", "CancelledError"),
        ("SELECT 1", None),
    ]
    assert all(s.why_no_plan for s in statements[:5])


def test_a_connection_lost_in_mid_statement(hub: Hub, dsn: str) -> None:
    async def run() -> str:
        async with asyncpg.create_pool(dsn, min_size=1, max_size=1) as pool:
            lost = asyncio.create_task(pool.fetch("SELECT pg_sleep(5)"))
            await asyncio.sleep(0.1)
            with hub.mute():
                other = await asyncpg.connect(dsn)
                await other.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(5)'"
                )
                await other.close()
            with pytest.raises(asyncpg.PostgresError) as raised:
                await lost
            assert await pool.fetchval("SELECT 1") == 1
        return str(raised.value.sqlstate)

    state = asyncio.run(run())
    lost, after = hub.stop()
    assert (lost.sql, lost.error, lost.plans) == ("SELECT pg_sleep(5)", state, [])
    assert (after.error, len(after.plans)) == (None, 1)


def test_a_statement_after_an_aborted_one(hub: Hub, dsn: str) -> None:
    async def body(connection: asyncpg.Connection) -> None:
        transaction = connection.transaction()
        await transaction.start()
        await connection.fetch(ONE, 1)
        with pytest.raises(asyncpg.DivisionByZeroError):
            await connection.fetch("SELECT 1/0")
        with pytest.raises(asyncpg.InFailedSQLTransactionError):
            await connection.fetch(ONE, 2)
        await transaction.rollback()
        await connection.fetch(ONE, 3)

    on(dsn, body)
    statements = hub.stop()
    assert [s.error for s in statements] == [None, "22012", "25P02", None]
    assert [len(s.plans) for s in statements] == [1, 0, 0, 1]


def test_the_applications_listeners_hear_everything_but_plans(hub: Hub, dsn: str) -> None:
    heard: list[str] = []

    async def body(connection: asyncpg.Connection) -> None:
        connection.add_log_listener(lambda _, message: heard.append(message.message))
        await connection.execute("DO $$BEGIN RAISE NOTICE 'hello'; END$$")
        await connection.fetch(ONE, 1)
        await asyncio.sleep(0)

    on(dsn, body)
    assert heard == ["hello"]
    assert [len(s.plans) for s in hub.stop()] == [0, 1]


def test_tasks_on_one_pool_keep_their_own_plans(hub: Hub, dsn: str) -> None:
    async def run() -> None:
        async with asyncpg.create_pool(dsn, min_size=4, max_size=4) as pool:

            async def work(n: int) -> None:
                assert await pool.fetchval(f"SELECT {n} WHERE {n} > $1", -1) == n

            await asyncio.gather(*(work(n) for n in range(200)))

    asyncio.run(run())
    statements = hub.stop()
    assert sorted(s.sql for s in statements) == sorted(f"SELECT {n} WHERE {n} > $1" for n in range(200))
    assert [[plan["Query Text"] for plan in s.plans] for s in statements] == [[s.sql] for s in statements]


def test_whoever_awaits_it_the_line_is_that_of_the_call(hub: Hub, dsn: str) -> None:
    async def run() -> int:
        async with asyncpg.create_pool(dsn, min_size=2, max_size=2) as pool:
            _, at = await asyncio.gather(pool.fetch("SELECT 1"), pool.fetch("SELECT 2")), line()
            await asyncio.wait_for(pool.execute("SELECT 3"), 5)
            async with pool.acquire() as connection:
                await asyncio.create_task(connection.fetchrow("SELECT 4"))
                prepared = await connection.prepare("SELECT 5")
                await asyncio.wait_for(prepared.fetchval(), 5)
        return at

    at = asyncio.run(run())
    sites = [s.site for s in hub.stop()]
    assert [site.line for site in sites if site] == [at, at, at + 1, at + 3, at + 5]
    assert {site.function for site in sites if site} == {"run"}


def test_a_second_operation_at_the_same_time_takes_nothing_from_the_first(hub: Hub, dsn: str) -> None:
    async def body(connection: asyncpg.Connection) -> None:
        first = asyncio.create_task(connection.fetch("SELECT pg_sleep(0.1)"))
        await asyncio.sleep(0.05)
        with pytest.raises(asyncpg.InterfaceError):
            await connection.execute("SELECT 2")
        await first

    on(dsn, body)
    (statement,) = hub.stop()
    assert (statement.sql, len(statement.plans)) == ("SELECT pg_sleep(0.1)", 1)


def test_other_databases_and_what_is_muted_are_nobodys(hub: Hub, databases: dict[str, str]) -> None:
    async def muted(connection: asyncpg.Connection) -> None:
        with hub.mute():
            await connection.fetch("SELECT 1")

    async def other(connection: asyncpg.Connection) -> None:
        await connection.fetch("SELECT 2")

    on(databases["watched"], muted)
    on(databases["other"], other)
    assert hub.stop() == ()


def test_uninstalled_it_is_as_it_was(hub: Hub, dsn: str) -> None:
    from asyncpg.connection import Connection
    from asyncpg.protocol import Protocol

    driver = Asyncpg()
    before = (vars(Connection)["__init__"], Connection.reset, Protocol.bind_execute, dict(vars(Protocol)))
    driver.install(hub)
    assert Protocol.bind_execute is not before[2]
    driver.uninstall()
    after = (vars(Connection)["__init__"], Connection.reset, Protocol.bind_execute, dict(vars(Protocol)))
    assert after == before


def test_an_asyncpg_that_lacks_what_is_wrapped_is_left_alone_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_such_method() -> None: ...

    before = asyncpg.Connection.reset
    monkeypatch.setattr(asyncpg_methods, "WRAPPERS", (*asyncpg_methods.WRAPPERS, no_such_method))
    driver = Asyncpg()
    with pytest.warns(UserWarning, match=r"not seen: it has no Protocol\.no_such_method"):
        driver.install(Hub())
    assert asyncpg.Connection.reset is before
    driver.uninstall()


def test_it_waits_for_the_application_to_import_it() -> None:
    program = """
import sys
from pytest_perfbudget.capture import asyncpg_methods
from pytest_perfbudget.capture.asyncpg import Asyncpg
from pytest_perfbudget.capture.hub import Hub
driver = Asyncpg()
driver.install(Hub())
assert "asyncpg" not in sys.modules
finders = len(sys.meta_path)
import asyncpg
assert asyncpg.connection.Connection.reset.__module__ == "asyncpg.connection"
assert asyncpg.connection.Connection.__init__.__wrapped__
assert len(sys.meta_path) == finders - 1
driver.uninstall()
assert not hasattr(asyncpg.connection.Connection.__init__, "__wrapped__")
"""
    subprocess.run([sys.executable, "-c", program], check=True)
