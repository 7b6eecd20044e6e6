"""What goes wrong goes wrong as it would without capture: the same exceptions, results, states, in the same order."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import threading
import uuid
from collections.abc import Awaitable, Callable, Iterator
from time import sleep
from typing import Any

import psycopg
import pytest

from pytest_perfbudget.capture.hub import Hub
from pytest_perfbudget.capture.psycopg3 import Psycopg3
from pytest_perfbudget.model import Statement
from pytest_perfbudget.postgres.embedded import Embedded
from pytest_perfbudget.postgres.profile import DETERMINISTIC, Level, Setting
from pytest_perfbudget.postgres.server import Request

Story = Callable[[str], list[object]]
ONE = "SELECT note FROM orders WHERE id = %s"


def told(act: Callable[[], Any]) -> object:
    """The result of a step, or its error: class, SQLSTATE, words (without what differs from connection to connection),
    cause."""
    try:
        return act()
    except BaseException as error:
        words = re.sub(r"0x[0-9a-f]+|\d{3,}", "N", str(error))
        return type(error), getattr(error, "sqlstate", None), words, type(error.__cause__), type(error.__context__)


def state(connection: psycopg.Connection[Any]) -> object:
    return connection.closed, connection.broken, connection.pgconn.status, connection.info.transaction_status


def failing(dsn: str) -> list[object]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.cursor()
        return [
            told(lambda: cursor.execute("SELECT 1 / %s", (0,))),
            told(lambda: cursor.execute("SELEKT")),
            told(lambda: cursor.execute("SELECT %s, %s", (1,))),
            told(lambda: cursor.execute("SELECT %s", (object(),))),
            told(lambda: cursor.execute("SELECT %(a)s", {"b": 1})),
            told(cursor.fetchone),
            told(lambda: cursor.executemany("INSERT INTO log VALUES (%s)", [(1,), ("x",)])),
            told(lambda: list(cursor.stream("SELECT 1 / (3 - n) FROM generate_series(1, 5) n"))),
            told(lambda: cursor.copy("COPY nothing TO STDOUT").__enter__()),
            told(lambda: cursor.execute("SELECT 1; SELECT 1/0")),
            told(lambda: [result.fetchall() for result in cursor.execute("SELECT 1; SELECT 2").results()]),
            told(lambda: cursor.execute("").statusmessage),
            told(lambda: cursor.execute(ONE, (7,)).fetchall()),
            state(connection),
            told(cursor.close),
            told(lambda: cursor.execute("SELECT 1")),
            told(connection.close),
            told(lambda: connection.execute("SELECT 1")),
            state(connection),
        ]


def aborted(dsn: str) -> list[object]:
    with psycopg.connect(dsn) as connection:
        steps = [
            told(lambda: connection.execute("INSERT INTO log VALUES (%s)", (1,)).rowcount),
            told(lambda: connection.execute("SELECT 1 / %s", (0,))),
            state(connection),
            told(lambda: connection.execute(ONE, (1,))),
            told(connection.commit),
            state(connection),
        ]
        with contextlib.suppress(ZeroDivisionError), connection.transaction():
            steps.append(told(lambda: connection.execute(ONE, (1,)).fetchone()))
            raise ZeroDivisionError
        return [*steps, state(connection), told(lambda: connection.execute("SELECT 1").fetchall())]


def timed_out(dsn: str) -> list[object]:
    with psycopg.connect(dsn, options="-c statement_timeout=20ms") as connection:
        return [told(lambda: connection.execute("SELECT pg_sleep(%s)", (5,))), state(connection)]


def pipelined(dsn: str) -> list[object]:
    def fail() -> object:
        with psycopg.connect(dsn, autocommit=True) as connection, connection.pipeline():
            connection.execute(ONE, (1,))
            connection.execute("SELECT 1 / %s", (0,))
            return connection.execute(ONE, (2,)).fetchone()

    return [told(fail)]


def cancelled(dsn: str) -> list[object]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        timer = threading.Timer(0.2, connection.cancel_safe)
        timer.start()
        steps = [told(lambda: connection.execute("SELECT pg_sleep(%s)", (20,)))]
        timer.join()
        return [*steps, state(connection), told(lambda: connection.execute(ONE, (1,)).fetchone())]


def lost(dsn: str) -> list[object]:
    with psycopg.connect(dsn, autocommit=True) as other, psycopg.connect(dsn) as connection:
        connection.execute("SELECT 1")
        kill = "SELECT pg_terminate_backend(%s)"
        timer = threading.Timer(0.2, lambda: other.execute(kill, (connection.info.backend_pid,)))
        timer.start()
        steps = [told(lambda: connection.execute("SELECT pg_sleep(%s)", (20,))), state(connection)]
        timer.join()
        return [*steps, told(lambda: connection.execute("SELECT 1")), told(connection.rollback), state(connection)]


def in_a_loop(work: Callable[[psycopg.AsyncConnection[Any]], Awaitable[object]]) -> Story:
    def story(dsn: str) -> list[object]:
        async def run() -> list[object]:
            async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
                try:
                    first: object = await work(connection)
                except BaseException as error:
                    first = type(error), str(error)
                cursor = await connection.execute(ONE, (1,))
                return [first, connection.info.transaction_status, await cursor.fetchone()]

        return asyncio.run(run())

    return story


async def timed_out_task(connection: psycopg.AsyncConnection[Any]) -> object:
    return await asyncio.wait_for(connection.execute("SELECT pg_sleep(%s)", (20,)), 0.2)


async def cancelled_task(connection: psycopg.AsyncConnection[Any]) -> object:
    task = asyncio.create_task(connection.execute("SELECT pg_sleep(%s)", (20,)))
    await asyncio.sleep(0.2)
    task.cancel()
    return await asyncio.gather(task, return_exceptions=True) and task.cancelled()


@contextlib.contextmanager
def captured(databases: set[str]) -> Iterator[Hub]:
    hub, driver = Hub(), Psycopg3()
    for database in databases:
        hub.watch(database)
    driver.install(hub)
    hub.start()
    try:
        yield hub
    finally:
        driver.uninstall()


STORIES: dict[str, Story] = {
    "failing": failing,
    "aborted": aborted,
    "timed out": timed_out,
    "pipelined": pipelined,
    "cancelled": cancelled,
    "lost": lost,
    "task timed out": in_a_loop(timed_out_task),
    "task cancelled": in_a_loop(cancelled_task),
}


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_the_application_sees_what_it_would_see(story: Story, dsn: str) -> None:
    without = story(dsn)
    with captured({"watched"}) as hub:
        assert story(dsn) == without
        statements = hub.stop()
    assert statements


def errors(statements: tuple[Statement, ...], text: str) -> list[str | None]:
    return [s.error for s in statements if text in s.sql]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("timed out", ["57014"]),
        ("cancelled", ["57014"]),
        ("lost", ["57P01"]),
        ("task timed out", ["CancelledError"]),
        ("task cancelled", ["CancelledError"]),
    ],
)
def test_what_was_broken_off_is_recorded_with_its_end(name: str, expected: list[str], dsn: str) -> None:
    with captured({"watched"}) as hub:
        STORIES[name](dsn)
        assert errors(hub.stop(), "pg_sleep") == expected


def test_a_server_that_restarts_between_statements(server_cache: str) -> None:
    """One of its processes killed: PostgreSQL ends every session, recovers and goes on."""
    recovers = Setting("restart_after_crash", "on", "this test waits for it", Level.SERVER)
    profile = DETERMINISTIC.with_settings("recovering", recovers)
    server = Embedded().start(Request(run=uuid.uuid4().hex, cache=server_cache, profile=profile))
    try:

        def story(dsn: str) -> list[object]:
            with psycopg.connect(dsn, autocommit=True) as connection, psycopg.connect(dsn) as victim:
                steps = [told(lambda: connection.execute("SELECT %s::int", (1,)).fetchall())]
                os.kill(victim.info.backend_pid, signal.SIGKILL)
                sleep(0.5)
                steps += [told(lambda: connection.execute("SELECT 2")), state(connection)]
            for _ in range(100):
                with contextlib.suppress(psycopg.OperationalError), psycopg.connect(dsn, autocommit=True) as again:
                    return [*steps, told(lambda: again.execute("SELECT %s::int", (3,)).fetchall())]
                sleep(0.1)
            return [*steps, "gone"]

        dsn = server.dsn("postgres")
        without = story(dsn)
        assert without[-1] == [(3,)]
        with captured({"postgres"}) as hub:
            assert story(dsn) == without
            statements = hub.stop()
        assert [(s.sql, bool(s.error)) for s in statements] == [
            ("SELECT $1::int", False), ("SELECT 2", True), ("SELECT $1::int", False)
        ]  # fmt: skip
    finally:
        server.close()
