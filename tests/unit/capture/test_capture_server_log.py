"""Statements of other processes, read from the log of servers of every major: what a driver in this process would have
reported, the log says too."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from conftest import SCHEMA
from machine import FOLDERS, each_major

from pytest_perfbudget.capture.hub import Hub
from pytest_perfbudget.capture.psycopg3 import Psycopg3
from pytest_perfbudget.capture.server_log import LoggedStatements
from pytest_perfbudget.errors import ServerError
from pytest_perfbudget.model import Statement
from pytest_perfbudget.postgres.local import Local
from pytest_perfbudget.postgres.log import LOGGED, ServerLog
from pytest_perfbudget.postgres.profile import capture
from pytest_perfbudget.postgres.server import Request, Server

NAME = "logged"


@pytest.fixture(scope="module", params=each_major())
def server(server_cache: str, request: pytest.FixtureRequest) -> Iterator[Server]:
    asked = Request(uuid.uuid4().hex, major=request.param, cache=server_cache, local=FOLDERS, logs=True)
    started = Local().start(asked)
    try:
        started.admin.execute(f"DROP DATABASE IF EXISTS {NAME}")
        started.admin.execute(f"CREATE DATABASE {NAME}")
        with psycopg.connect(started.dsn(NAME), autocommit=True) as connection:
            connection.execute(SCHEMA)
            connection.execute("VACUUM ANALYZE")
        for setting, value in (capture(started.major) | LOGGED).items():
            started.admin.execute(f"ALTER DATABASE {NAME} SET {setting} = '{value}'")
        yield started
    finally:
        started.close()


@pytest.fixture
def hub(server: Server) -> Iterator[Hub]:
    hub, driver = Hub(str(Path(__file__).parent)), Psycopg3()
    hub.watch(NAME)
    hub.hear(LoggedStatements(ServerLog(server, NAME)))
    driver.install(hub)
    hub.start()
    yield hub
    driver.uninstall()


WORKS = """
def work(connection):
    connection.execute("SELECT id FROM orders WHERE customer = %s AND note <> %s ORDER BY id", (3, "it's $1 = '2'"))
    for number in range(8):  # prepared from the sixth on
        connection.execute("SELECT note FROM orders WHERE id = %s /* perf: note */", (number,))
    connection.execute("SELECT counted(%s)", (3,)).fetchone()
    connection.execute("INSERT INTO log VALUES (%s)", (None,))
    connection.execute("UPDATE orders SET note = 'new' WHERE id < 4 RETURNING id").fetchall()
    connection.execute("SET enable_seqscan = on")
    with connection.cursor("served") as cursor:
        cursor.itersize = 50
        cursor.execute("SELECT id FROM orders")
        assert len(list(cursor)) == 200
    try:
        with connection.transaction():
            connection.execute("SELECT counted(id), 1 / (id - 2) FROM orders WHERE id < 5 ORDER BY id")
    except Exception:
        pass
    connection.execute("SELECT 'after'")
"""
APPLICATION = (
    WORKS
    + """
import psycopg, sys
for options in ({}, {"cursor_factory": psycopg.ClientCursor}):
    with psycopg.connect(sys.argv[1], application_name=sys.argv[2], **options) as connection:
        work(connection)
        connection.rollback()
"""
)


def elsewhere(server: Server, code: str = APPLICATION, name: str = "shop") -> None:
    subprocess.run([sys.executable, "-c", code, server.dsn(NAME), name], check=True)


def here(server: Server) -> None:
    names: dict[str, object] = {}
    exec(WORKS, names)
    for options in ({}, {"cursor_factory": psycopg.ClientCursor}):
        with psycopg.connect(server.dsn(NAME), **options) as connection:  # type: ignore[arg-type]
            names["work"](connection)  # type: ignore[operator]
            connection.rollback()


def seen(statement: Statement) -> dict[str, object]:
    plans = [plan["Query Text"] for plan in statement.plans]
    return {"sql": statement.sql, "rows": statement.rows, "error": statement.error, "plans": plans,
            "round_trips": statement.round_trips, "fetched": statement.fetched}  # fmt: skip


def test_the_log_says_what_a_driver_here_would_have_reported(hub: Hub, server: Server) -> None:
    elsewhere(server)
    logged = hub.stop()
    hub.check()
    hub.start()
    here(server)
    reported = hub.stop()
    assert len(reported) == 32
    assert [seen(one) for one in logged] == [seen(one) for one in reported]


def test_parameters_are_those_that_were_sent_and_can_be_sent_again(hub: Hub, server: Server) -> None:
    elsewhere(server)
    first, *_ = logged = hub.stop()
    assert first.params == (b"3", b"it's $1 = '2'")
    assert next(one for one in logged if one.sql.startswith("INSERT")).params == (None,)
    from pytest_perfbudget.capture.libpq import send

    with server.connect(NAME) as connection:
        assert send(connection, first).ntuples == first.rows == 20


def test_the_place_of_a_call_site_has_the_application_and_durations_are_the_servers(hub: Hub, server: Server) -> None:
    elsewhere(server, name="shop")
    elsewhere(server, name="")
    logged = hub.stop()
    assert list(dict.fromkeys(str(one.site) for one in logged)) == ["application shop", "another process"]
    assert all(0 < one.duration < 10 for one in logged if not one.error)


def test_what_a_driver_here_reports_is_counted_once(hub: Hub, server: Server) -> None:
    here(server)
    elsewhere(server)
    both = hub.stop()
    assert [one.site is not None and one.site.line > 0 for one in both] == [True] * 32 + [False] * 32


def test_what_was_sent_before_and_after_is_not_of_the_recording(hub: Hub, server: Server) -> None:
    hub.stop()
    elsewhere(server)
    hub.start()
    elsewhere(server, "import psycopg, sys; psycopg.connect(sys.argv[1]).execute('SELECT 1 AS within')")
    assert [one.sql for one in hub.stop()] == ["SELECT 1 AS within"]
    elsewhere(server)
    assert hub.stop() == ()


def test_a_part_has_what_was_sent_meanwhile(hub: Hub, server: Server) -> None:
    def send(what: str) -> None:
        elsewhere(server, f"import psycopg, sys; psycopg.connect(sys.argv[1]).execute('SELECT 1 AS {what}')")

    send("before")
    with hub.part() as calls:
        send("first")
        assert [one.sql for one in hub.statements()] == ["SELECT 1 AS before", "SELECT 1 AS first"]
        send("second")
    send("after")
    assert [call.query for call in calls] == [b"SELECT 1 AS first", b"SELECT 1 AS second"]
    assert [one.sql.rpartition(" ")[2] for one in hub.stop()] == ["before", "first", "second", "after"]


LATER = """
import psycopg, sys
with psycopg.connect(sys.argv[1]) as connection:
    connection.execute("SELECT note FROM orders WHERE id = %s", (7,))
    print("asked", flush=True)
    sys.stdin.readline()
"""


def test_a_plan_that_the_log_shows_after_somebody_has_looked_is_the_statements(hub: Hub, server: Server) -> None:
    command = [sys.executable, "-c", LATER, server.dsn(NAME)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "asked\n"
        (one,) = hub.statements()
        assert (one.sql, one.plans) == ("SELECT note FROM orders WHERE id = $1", [])
        process.communicate("\n")
    (one,) = hub.stop()
    assert [plan["Query Text"] for plan in one.plans] == [one.sql]


def test_our_own_connections_and_those_to_other_databases_are_not_seen(hub: Hub, server: Server) -> None:
    with hub.mute(), server.connect(NAME) as ours:
        ours.execute("SELECT 1 AS ours")
        with pytest.raises(psycopg.errors.DivisionByZero):
            ours.execute("SELECT 1 / 0")
    elsewhere(
        server, f"import psycopg, sys; psycopg.connect(sys.argv[1].replace('{NAME}', 'postgres')).execute('SELECT 1')"
    )
    assert hub.stop() == ()


PIPELINE = """
import psycopg, sys
with psycopg.connect(sys.argv[1], autocommit=True) as connection, connection.pipeline():
    for number in range(200):
        connection.execute("SELECT note FROM orders WHERE id = %s", (number,))
"""


def test_each_statement_of_several_processes_at_once_has_its_own_plan(hub: Hub, server: Server) -> None:
    command = [sys.executable, "-c", PIPELINE, server.dsn(NAME)]
    for process in [subprocess.Popen(command) for _ in range(3)]:
        assert process.wait() == 0
    logged = hub.stop()
    assert sorted(int(one.params[0] or 0) for one in logged) == sorted(list(range(200)) * 3)
    assert {len(one.plans) for one in logged} == {1}
    assert sum(one.rows for one in logged) == 199 * 3


LARGE = """
import psycopg, sys
values = ", ".join(f"({number}, 'ä{number}\\"')" for number in range(20_000))
psycopg.connect(sys.argv[1]).execute(f"SELECT count(*) FROM (VALUES {values}) v")
"""


def test_a_statement_that_is_larger_than_what_a_pipe_takes_is_read_whole(hub: Hub, server: Server) -> None:
    elsewhere(server, LARGE)
    (one,) = hub.stop()
    assert len(one.sql) > 300_000
    assert one.plans[0]["Query Text"] == one.sql


ASYNCPG = """
import asyncio, asyncpg, sys

async def main():
    connection = await asyncpg.connect(sys.argv[1], server_settings={"application_name": "pg"})
    print(await connection.fetchval("SELECT count(*) FROM orders WHERE customer = $1", 3))
    await connection.executemany("INSERT INTO log VALUES ($1)", [(1,), (2,), (3,)])
    async with connection.transaction():
        async for _ in connection.cursor("SELECT id FROM orders ORDER BY id", prefetch=80):
            pass
        await connection.copy_from_query("SELECT id FROM orders WHERE id <= $1", 7, output="/dev/null")
    await connection.execute("SELECT 1; SELECT 2")
    await connection.close()

asyncio.run(main())
"""


def test_the_extended_protocol_of_another_driver(hub: Hub, server: Server) -> None:
    elsewhere(server, ASYNCPG)
    logged = [one for one in hub.stop() if "pg_type" not in one.sql]
    assert {str(one.site) for one in logged} == {"application pg"}
    assert [(one.sql.split("(")[0].strip(), one.rows, one.round_trips, len(one.plans)) for one in logged] == [
        ("SELECT count", 1, 1, 1),
        *[("INSERT INTO log VALUES", 0, 1, 1)] * 3,
        ("SELECT id FROM orders ORDER BY id", 200, 3, 1),
        ("SELECT quote_literal", 1, 1, 1),  # asyncpg has the server write a COPY's parameters
        ("COPY", 7, 1, 1),
        ("SELECT 1; SELECT 2", 2, 1, 2),
    ]
    # asyncpg names what it prepares; a COPY and what has no parameters go by the simple protocol.
    assert [one.prepares for one in logged] == [0, 0, 0, 0, 0, 0, None, None]


FAILURES = """
import psycopg, sys
with psycopg.connect(sys.argv[1], autocommit=True) as connection:
    for statement in ("SET statement_timeout = '20ms'", "SELECT pg_sleep(9)", "SELEC", "RESET statement_timeout"):
        try:
            connection.execute(statement)
        except psycopg.Error:
            pass
    connection.execute("BEGIN")
    for statement in ("SELECT 1 / 0", "SELECT 'in an aborted transaction'"):
        try:
            connection.execute(statement)
        except psycopg.Error:
            pass
    connection.execute("ROLLBACK")
    try:
        connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    except psycopg.OperationalError:
        pass
"""


def test_statements_that_fail_or_lose_their_connection_are_there_with_their_state(hub: Hub, server: Server) -> None:
    elsewhere(server, FAILURES)
    assert [(one.sql, one.error) for one in hub.stop()] == [
        ("SET statement_timeout = '20ms'", None),
        ("SELECT pg_sleep(9)", "57014"),
        ("SELEC", "42601"),
        ("RESET statement_timeout", None),
        ("SELECT 1 / 0", "22012"),
        ("SELECT 'in an aborted transaction'", "25P02"),
        ("SELECT pg_terminate_backend(pg_backend_pid())", "57P01"),
    ]


def in_a_fork(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute("SELECT 'in a fork'")


def test_a_fork_of_the_tests_process_is_another_process(hub: Hub, server: Server) -> None:
    with psycopg.connect(server.dsn(NAME)) as connection:
        connection.execute("SELECT 'here'")
        child = multiprocessing.get_context("fork").Process(target=in_a_fork, args=[server.dsn(NAME)])
        child.start()
        child.join()
    assert child.exitcode == 0
    assert [one.sql for one in hub.stop()] == ["SELECT 'here'", "SELECT 'in a fork'"]


def test_a_log_that_cannot_be_read_is_told_after_the_test(
    hub: Hub, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytest_perfbudget.postgres.log._PATIENCE", 0.2)
    monkeypatch.setattr(ServerLog, "_write_mark", lambda self: "a mark that nobody writes")
    assert hub.stop() == ()
    with pytest.raises(ServerError, match="does not show what was written"):
        hub.check()
