"""In a transaction the extended protocol closes a statement's portal late, and its plan comes later than its result."""

from __future__ import annotations

import psycopg

from pytest_perfbudget.capture.hub import Hub
from pytest_perfbudget.model import Statement


def texts(statements: tuple[Statement, ...]) -> list[list[str]]:
    return [[plan["Query Text"] for plan in s.plans] for s in statements]


def test_each_statement_has_its_own_plan(hub: Hub, dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        for n in (1, 2):
            connection.execute("SELECT note FROM orders WHERE id = %s", (n,))
            connection.execute("SET LOCAL work_mem = '5MB'")
            connection.execute("SELECT counted(%s)", (n,))
            connection.execute("SELECT 1")
            connection.execute("SELECT set_config('a.b', %s, true)", ("1",))
    found = hub.stop()
    assert [one[-1] if one else "" for one in texts(found)] == [s.sql if "SET" not in s.sql else "" for s in found]
    assert [len(s.plans) for s in found] == [1, 0, 2, 1, 1] * 2


def test_a_transaction_still_open_gives_its_last_plan_and_stays_as_it_is(hub: Hub, dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute("INSERT INTO log VALUES (%s)", (99,))
        (statement,) = hub.stop()
        assert texts((statement,)) == [["INSERT INTO log VALUES ($1)"]]
        assert connection.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS
        assert connection.execute("SELECT count(*) FROM log WHERE n = 99").fetchone() == (1,)
        connection.rollback()


def test_rows_of_equal_statements_are_not_mixed_up(hub: Hub, dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        for n in (5, 3, 9):
            connection.execute("SELECT id FROM orders WHERE id <= %s", (n,))
    assert [(s.rows, s.plans[0]["Plan"]["Actual Rows"]) for s in hub.stop()] == [(5, 5), (3, 3), (9, 9)]


def test_a_savepoint_that_is_rolled_back(hub: Hub, dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute("SELECT %s::int", (1,))
        try:
            with connection.transaction():
                connection.execute("SELECT 1 / %s", (0,))
        except psycopg.errors.DivisionByZero:
            pass
        connection.execute("SELECT %s::text", ("a",))
    assert [len(s.plans) for s in hub.stop()] == [1, 0, 1]
