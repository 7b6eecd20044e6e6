from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from pytest_perfbudget.capture.hub import Hub
from pytest_perfbudget.capture.replay import Calls, Replay, count_work_again
from pytest_perfbudget.model import Statement


@pytest.fixture
def connection(databases: dict[str, str]) -> Iterator[psycopg.Connection]:
    with psycopg.connect(databases["watched"], autocommit=True, options="-c auto_explain.log_min_duration=-1") as one:
        yield one


def captured(hub: Hub, dsn: str, query: str, *params: object, prepare: bool | None = None, **options: Any) -> Statement:
    with psycopg.connect(dsn, autocommit=True, **options) as connection:
        connection.execute(query, params, prepare=prepare)
    (statement,) = hub.stop()
    return statement


def test_a_replay_takes_time_and_is_not_captured(hub: Hub, dsn: str, connection: psycopg.Connection) -> None:
    statement = captured(hub, dsn, "SELECT id FROM orders WHERE customer = %s AND note LIKE %s", 3, "n%")
    hub.start()
    execute = Replay(connection, statement)
    assert execute() > 0
    assert execute.rows == statement.rows == 20
    assert hub.stop() == ()


def prepared(connection: psycopg.Connection) -> list[tuple[int, int]]:
    found = connection.execute("SELECT custom_plans, generic_plans FROM pg_prepared_statements", prepare=False)
    return found.fetchall()


def test_a_series_is_prepared_when_psycopg_would(hub: Hub, dsn: str, connection: psycopg.Connection) -> None:
    execute = Replay(connection, captured(hub, dsn, "SELECT note FROM orders WHERE id = %s", 3))
    for _ in range(5):
        execute()
    assert prepared(connection) == []
    for _ in range(6):
        execute()
    ((custom, generic),) = prepared(connection)
    assert (custom, generic) == (5, 1)
    assert execute.states(4) == {"generic": 1, "custom": 3}
    assert execute.states(11) == {"generic": 1, "custom": 5, "first": 5}


def test_a_connection_that_does_not_prepare(hub: Hub, dsn: str, connection: psycopg.Connection) -> None:
    statement = captured(hub, dsn, "SELECT note FROM orders WHERE id = %s", 3, prepare_threshold=None)
    execute = Replay(connection, statement)
    for _ in range(8):
        execute()
    assert prepared(connection) == []
    assert execute.states(6) == {"first": 6}


@pytest.mark.parametrize(("prepare", "states"), [(True, {"custom": 2}), (False, {"first": 2})])
def test_a_statement_that_is_to_be_prepared_or_never(
    hub: Hub, dsn: str, connection: psycopg.Connection, prepare: bool, states: dict[str, int]
) -> None:
    statement = captured(hub, dsn, "SELECT note FROM orders WHERE id = %s", 3, prepare=prepare)
    execute = Replay(connection, statement)
    execute(), execute()
    assert execute.states(9) == states


def test_series_follow_each_other_on_one_connection(
    connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next one can have the address of one that was let go."""
    monkeypatch.setattr("pytest_perfbudget.capture.replay.id", lambda one: 1, raising=False)
    for _ in range(2):
        assert Replay(connection, Statement("SELECT 1", prepares=0))() > 0


def test_other_rows_than_in_the_test_are_told(connection: psycopg.Connection) -> None:
    statement = Statement("SELECT id FROM orders LIMIT 3", rows=1_000)
    execute, calls = Replay(connection, statement), Calls(connection, [Statement("SELECT 1", rows=1), statement])
    assert execute() > 0
    assert calls() > 0
    for words in (execute.differs(), calls.differs()):
        assert words.startswith("executed again on another connection it gave 3 rows, in the test 1,000: what the test")
    statement.rows = 3
    assert (execute.differs(), calls.differs()) == ("", "")


@pytest.mark.parametrize("options", [{"fetched": "stream"}, {"calls": 3}, {"error": "57014"}])
def test_rows_that_nobody_can_compare(connection: psycopg.Connection, options: dict[str, Any]) -> None:
    execute = Replay(connection, Statement("SELECT id FROM orders LIMIT 3", rows=1, **options))
    execute()
    assert execute.differs() == ""


def test_what_is_undone_leaves_nothing(connection: psycopg.Connection) -> None:
    execute = Replay(connection, Statement("INSERT INTO log VALUES (66) RETURNING n"), undo=True)
    assert [execute() > 0 for _ in range(7)] == [True] * 7
    assert execute.rows == 1
    assert execute.states(7) == {"generic": 2, "first": 5}
    assert connection.execute("SELECT count(*) FROM log WHERE n = 66").fetchone() == (0,)


def test_an_error_is_psycopgs(connection: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.UndefinedTable, match="nothing"):
        Replay(connection, Statement("SELECT * FROM nothing"))()
    with pytest.raises(psycopg.errors.DivisionByZero):
        count_work_again(connection, Statement("SELECT 1 / 0 FROM orders"))
    assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


def test_work_is_counted_on_a_warm_connection(databases: dict[str, str], connection: psycopg.Connection) -> None:
    statement = Statement("SELECT counted(3)")
    with psycopg.connect(databases["plain"], autocommit=True) as fresh:
        cold = fresh.execute("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + statement.sql).fetchone()[0][0]
    warm = count_work_again(connection, statement)
    assert warm["Plan"]["Shared Hit Blocks"] < cold["Plan"]["Shared Hit Blocks"]
    assert warm == count_work_again(connection, statement) | {
        key: warm[key] for key in ("Planning Time", "Execution Time", "Planning")
    }


def test_counting_again_leaves_nothing(connection: psycopg.Connection) -> None:
    count_work_again(connection, Statement("INSERT INTO log VALUES (55)"))
    with connection.transaction(force_rollback=True):
        connection.execute("CREATE TABLE fleeting (n int)")
        count_work_again(connection, Statement("INSERT INTO fleeting VALUES (1)"))
        assert connection.execute("SELECT count(*) FROM fleeting").fetchone() == (0,)
    assert connection.execute("SELECT count(*) FROM log WHERE n = 55").fetchone() == (0,)
