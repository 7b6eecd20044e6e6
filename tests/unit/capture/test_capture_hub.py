from __future__ import annotations

import asyncio
import threading

import psycopg
import pytest

from pytest_perfbudget.capture.driver import BUILTIN
from pytest_perfbudget.capture.hub import ORIGIN, Hub
from pytest_perfbudget.model import Origin


def test_nothing_is_recorded_before_start_and_after_stop(hub: Hub, dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        hub.stop()
        assert not hub.recording
        connection.execute("SELECT 1")
        hub.start()
        assert hub.recording
        connection.execute("SELECT 2")
        assert [s.sql for s in hub.stop()] == ["SELECT 2"]
        connection.execute("SELECT 3")
    assert hub.stop() == ()


def test_a_cursor_left_open_does_not_reach_into_the_next_recording(hub: Hub, dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        with connection.cursor("c") as cursor:
            cursor.execute("SELECT id FROM orders")
            cursor.fetchone()
            (declared,) = hub.stop()
            hub.start()
            connection.execute("SELECT 1")
        (after,) = hub.stop()
    assert declared.plans == []
    assert [plan["Query Text"] for plan in after.plans] == ["SELECT 1"]


def test_case_names_the_statements_within(hub: Hub, dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        with hub.case("rare"):
            connection.execute("SELECT 1")
        connection.execute("SELECT 2")
    assert [s.case for s in hub.stop()] == ["rare", None]


def test_what_a_mapper_loads_meanwhile_is_kept_with_the_statement(hub: Hub, dsn: str) -> None:
    lines = Origin("Order.lines", "selectinload(Order.lines)")
    with psycopg.connect(dsn) as connection:
        token = ORIGIN.set(lines)
        connection.execute("SELECT 1")
        ORIGIN.reset(token)
        connection.execute("SELECT 2")
    assert [s.origin for s in hub.stop()] == [lines, None]


def test_mute_is_for_this_thread_only(hub: Hub, dsn: str) -> None:
    def work() -> None:
        with psycopg.connect(dsn) as connection:
            connection.execute("SELECT 'theirs'")

    with hub.mute(), psycopg.connect(dsn) as connection:
        connection.execute("SELECT 'ours'")
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert [s.sql for s in hub.stop()] == ["SELECT 'theirs'"]


def test_a_task_made_while_muted_is_muted_no_longer_than_that(hub: Hub, dsn: str) -> None:
    """A fixture may start a server in a task, which works for the tests."""

    async def serve(asked: asyncio.Event) -> None:
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
            await connection.execute("SELECT 'while muted'")
            asked.set()
            await asyncio.sleep(0.1)
            await connection.execute("SELECT 'served'")

    async def run() -> None:
        asked = asyncio.Event()
        with hub.mute():
            server = asyncio.create_task(serve(asked))
            await asked.wait()
        await server

    asyncio.run(run())
    assert [s.sql for s in hub.stop()] == ["SELECT 'served'"]


def test_what_is_sent_aside_is_nobodys_whatever_thread_sends_it(hub: Hub, dsn: str) -> None:
    def work() -> None:
        with psycopg.connect(dsn) as connection:
            connection.execute("SELECT 2")

    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SELECT 1")
        with hub.aside():
            connection.execute("SELECT 2")
            (thread := threading.Thread(target=work)).start()
            thread.join()
        connection.execute("SELECT 3")
    assert [(s.sql, len(s.plans)) for s in hub.stop()] == [("SELECT 1", 1), ("SELECT 3", 1)]


def test_a_plan_of_what_was_sent_aside_is_not_taken_for_the_next_statements(hub: Hub, dsn: str) -> None:
    """In a transaction a plan comes with the next statement, and here they are of the same text."""
    sql = "SELECT id FROM orders WHERE id <= %s"
    with psycopg.connect(dsn) as connection:
        connection.execute(sql, [1])
        with hub.aside():
            for _ in range(8):
                connection.execute(sql, [2])
        connection.execute(sql, [3])
        found = hub.stop()
    assert [[plan["Plan"]["Actual Rows"] for plan in one.plans] for one in found] == [[1], [3]]


def test_calls_that_are_forgotten_have_not_been(hub: Hub, dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute("SELECT 1")
        after = hub.sent()
        connection.execute("SELECT 2")
        hub.forget(after)
        connection.execute("SELECT 3")
        assert [(s.sql, len(s.plans)) for s in hub.stop()] == [("SELECT 1", 1), ("SELECT 3", 1)]


def test_equal_plan_documents_are_kept_once(hub: Hub, dsn: str) -> None:
    # Ten custom plans (psycopg prepares at the sixth execution, PostgreSQL weighs the generic plan five later).
    with psycopg.connect(dsn) as connection:
        for n in range(1, 61):
            connection.execute("SELECT note FROM orders WHERE id = %s", (n,))
        assert hub.recording is not None
        assert len(hub.recording.documents.whole) <= 12
    assert [len(s.plans) for s in hub.stop()] == [1] * 60


def test_plans_can_be_replaced(hub: Hub, dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute("SELECT 1")
    (statement,) = hub.stop()
    statement.plans = [{"Plan": {"Node Type": "Result"}}]
    assert statement.plans == [{"Plan": {"Node Type": "Result"}}]


@pytest.mark.parametrize("driver", BUILTIN, ids=lambda driver: driver.name)
def test_the_built_in_drivers_are_available_here(driver: object) -> None:
    assert driver.available()  # type: ignore[attr-defined]
