from __future__ import annotations

import psycopg

from pytest_perfbudget.capture.explain import fill
from pytest_perfbudget.capture.hub import Hub
from pytest_perfbudget.model import Statement


def filled(hub: Hub, dsn: str, *queries: tuple[str, tuple[object, ...]]) -> tuple[Statement, ...]:
    """Executed where there is no auto_explain, then filled on another connection."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for query, params in queries:
            connection.execute(query, params)
    statements = hub.stop()
    with psycopg.connect(dsn, autocommit=True) as connection:
        fill(statements, connection)
        assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    return statements


def test_a_read_is_counted_with_its_parameters(hub: Hub, databases: dict[str, str]) -> None:
    query = "SELECT id FROM orders WHERE customer = %s"
    first, second = filled(hub, databases["plain"], (query, (3,)), (query, (4,)))
    assert first.plans[0]["Plan"]["Actual Rows"] == 20
    assert "Shared Hit Blocks" in first.plans[0]["Plan"]
    assert first.plans == second.plans
    assert (first.source, first.why_no_plan) == ("explain", None)
    assert first.plans[0]["Query Text"] == first.sql


def test_a_write_is_planned_and_not_executed_again(hub: Hub, databases: dict[str, str]) -> None:
    dsn = databases["plain"]
    (statement,) = filled(hub, dsn, ("INSERT INTO log VALUES (%s)", (77,)))
    assert statement.plans[0]["Plan"]["Node Type"] == "ModifyTable"
    assert "Actual Rows" not in statement.plans[0]["Plan"]
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT count(*) FROM log WHERE n = 77").fetchone() == (1,)


def test_a_read_with_effects_leaves_none(hub: Hub, databases: dict[str, str]) -> None:
    dsn = databases["plain"]
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "CREATE OR REPLACE FUNCTION sly() RETURNS int LANGUAGE sql AS 'INSERT INTO log VALUES (78) RETURNING n'"
        )
    hub.start()
    filled(hub, dsn, ("SELECT sly()", ()))
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT count(*) FROM log WHERE n = 78").fetchone() == (1,)


def test_a_failing_explain_says_why_and_stops_nothing(hub: Hub, databases: dict[str, str]) -> None:
    temporary = ("CREATE TEMP TABLE mine AS SELECT 1 AS n", ())
    made, gone, after = filled(hub, databases["plain"], temporary, ("SELECT n FROM mine", ()), ("SELECT 1", ()))
    assert (made.plans, made.why_no_plan) == ([], None)
    assert gone.plans == []
    assert gone.why_no_plan == 'EXPLAIN failed: relation "mine" does not exist (SQLSTATE 42P01)'
    assert len(after.plans) == 1


def test_what_has_a_plan_keeps_it(hub: Hub, dsn: str) -> None:
    (statement,) = filled(hub, dsn, ("SELECT 1", ()))
    assert (statement.source, len(statement.plans)) == ("auto_explain", 1)
