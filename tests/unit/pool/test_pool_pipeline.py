"""Pipelines: turns as counted against turns as seen on the wire."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from turns import Relay

from pytest_perfbudget.capture.hub import Hub
from pytest_perfbudget.capture.psycopg3 import Psycopg3
from pytest_perfbudget.pool import pipelined

SELECT = "SELECT count(*) FROM items WHERE kind = %s"


@pytest.fixture(scope="module")
def relay(dsn: str) -> Iterator[Relay]:
    with tempfile.TemporaryDirectory(prefix="pb-turns-") as folder:
        relay = Relay(dsn, Path(folder))
        yield relay
        relay.close()


steps = st.lists(st.sampled_from(["execute", "fetch", "sync"]), max_size=8)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps)
@example([])
@example(["execute", "fetch"])
@example(["execute", "sync"])
@example(["execute", "fetch", "execute", "fetch"])
def test_turns_are_those_on_the_wire(relay: Relay, log: list[str]) -> None:
    with psycopg.connect(relay.dsn, autocommit=True, prepare_threshold=None) as connection:
        before = relay.turns
        with pipelined(connection) as sent:
            cursor = None
            for step in log:
                if step == "execute":
                    cursor = sent.execute(SELECT, (3,))
                elif step == "fetch" and cursor is not None and cursor.pgresult is None:
                    cursor.fetchone()
                elif step == "sync":
                    sent.sync()
        assert sent.round_trips == relay.turns - before
        assert sent.statements == log.count("execute")


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps.filter(lambda log: "execute" in log and log[0] != "sync"))
@example(["execute", "execute", "fetch"])
def test_captured_statements_have_the_turns_on_the_wire(relay: Relay, log: list[str]) -> None:
    hub, driver = Hub(), Psycopg3()
    hub.watch("pooled")
    driver.install(hub)
    try:
        with psycopg.connect(relay.dsn, autocommit=True, prepare_threshold=None) as connection:
            hub.start()
            before, cursor, started = relay.turns, None, False
            with connection.pipeline() as pipeline:
                for step in log:
                    if step == "execute":
                        cursor, started = connection.execute(SELECT, (3,)), True
                    elif step == "fetch" and cursor is not None and cursor.pgresult is None:
                        cursor.fetchone()
                    elif step == "sync" and started:
                        pipeline.sync()
            turns = relay.turns - before
            assert sum(statement.round_trips for statement in hub.stop()) == turns
    finally:
        driver.uninstall()


@pytest.mark.parametrize("returning", [False, True])
def test_an_executemany_is_one_turn_or_two(relay: Relay, returning: bool) -> None:
    hub, driver = Hub(), Psycopg3()
    hub.watch("pooled")
    driver.install(hub)
    try:
        with psycopg.connect(relay.dsn, autocommit=True, prepare_threshold=None) as connection:
            hub.start()
            before = relay.turns
            connection.cursor().executemany(SELECT, [(n,) for n in range(50)], returning=returning)
            turns = relay.turns - before
            (statement,) = hub.stop()
        assert statement.round_trips == turns
    finally:
        driver.uninstall()


def test_a_thousand_statements_in_few_turns(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection, pipelined(connection, batch=300) as sent:
        cursors = [sent.execute("SELECT %s::int", (n,)) for n in range(1000)]
    assert (sent.statements, sent.round_trips) == (1000, 4)
    assert [cursor.fetchone() for cursor in cursors] == [(n,) for n in range(1000)]


def test_an_async_connection(dsn: str) -> None:
    async def main() -> None:
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
            async with pipelined(connection, batch=2) as sent:
                cursors = [await sent.execute("SELECT %s::int", (n,)) for n in range(5)]
            assert (sent.statements, sent.round_trips) == (5, 3)
            assert [await cursor.fetchone() for cursor in cursors] == [(n,) for n in range(5)]

    asyncio.run(main())


def test_an_error_is_the_application_s(dsn: str) -> None:
    with (
        psycopg.connect(dsn, autocommit=True) as connection,
        pytest.raises(psycopg.errors.DivisionByZero),
        pipelined(connection) as sent,
    ):
        sent.execute("SELECT 1/0")


def test_a_batch_of_nothing_is_refused(dsn: str) -> None:
    with psycopg.connect(dsn) as connection, pytest.raises(ValueError, match="at least 1"):
        pipelined(connection, batch=0)
