from __future__ import annotations

import inspect
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from select import select
from time import sleep

import psycopg
import pytest
from psycopg import sql
from psycopg_pool import ConnectionPool

from pytest_perfbudget.capture.hub import Hub
from pytest_perfbudget.capture.psycopg3 import Psycopg3
from pytest_perfbudget.model import Statement

HERE = Path(__file__).name
ONE = "SELECT note FROM orders WHERE id = %s"
SERVER_ONE = "SELECT note FROM orders WHERE id = $1"


def node(statement: Statement, index: int = -1) -> str:
    return str(statement.plans[index]["Plan"]["Node Type"])


def connect(dsn: str) -> psycopg.Connection:
    return psycopg.connect(dsn, autocommit=True)


def line() -> int:
    return inspect.currentframe().f_back.f_lineno  # type: ignore[union-attr]


def test_an_execute_is_recorded_as_the_server_got_it(hub: Hub, dsn: str) -> None:
    with connect(dsn) as connection:
        row, at = connection.execute(ONE, (7,)).fetchone(), line()
    (statement,) = hub.stop()
    assert row == ("n7",)
    assert (statement.sql, statement.params, statement.types) == (SERVER_ONE, (b"\x00\x07",), (21,))
    assert statement.formats == (1,)
    assert (statement.rows, statement.calls, statement.round_trips, statement.error) == (1, 1, 1, None)
    assert statement.duration > 0
    assert statement.site is not None
    assert (statement.site.file, statement.site.line) == (HERE, at)
    assert statement.site.function == "test_an_execute_is_recorded_as_the_server_got_it"
    (plan,) = statement.plans
    assert plan["Query Text"] == SERVER_ONE
    assert plan["Plan"]["Actual Rows"] == 1


def test_a_connection_made_before_the_driver_was_watched_is_seen(dsn: str) -> None:
    hub, driver = Hub(), Psycopg3()
    hub.watch("watched")
    with connect(dsn) as connection:
        driver.install(hub)
        try:
            hub.start()
            connection.execute("SELECT 1")
            assert [s.sql for s in hub.stop()] == ["SELECT 1"]
        finally:
            driver.uninstall()


def test_the_order_is_that_of_execution(hub: Hub, dsn: str) -> None:
    with connect(dsn) as connection, connection.cursor() as cursor:
        for n in range(5):
            cursor.execute(f"SELECT {n}")
    assert [s.sql for s in hub.stop()] == [f"SELECT {n}" for n in range(5)]


def test_a_prepared_statement_has_text_and_parameters(hub: Hub, dsn: str) -> None:
    with connect(dsn) as connection:
        for n in range(1, 9):
            connection.execute(ONE, (n,))
    statements = hub.stop()
    assert len(statements) == 8
    assert {s.sql for s in statements} == {SERVER_ONE}
    assert [s.params[0] for s in statements] == [b"\x00" + bytes([n]) for n in range(1, 9)]
    assert [len(s.plans) for s in statements] == [1] * 8


@pytest.mark.parametrize("factory", [psycopg.Cursor, psycopg.ClientCursor, psycopg.RawCursor])
def test_every_cursor_class(hub: Hub, dsn: str, factory: type) -> None:
    raw = factory is psycopg.RawCursor
    with connect(dsn) as connection, factory(connection) as cursor:
        cursor.execute(SERVER_ONE if raw else ONE, (7,))
        assert cursor.fetchone() == ("n7",)
    (statement,) = hub.stop()
    merged = factory is psycopg.ClientCursor
    assert statement.sql == ("SELECT note FROM orders WHERE id = 7" if merged else SERVER_ONE)
    assert len(statement.params) == (0 if merged else 1)
    assert len(statement.plans) == 1


def test_a_composed_query_and_a_subclass(hub: Hub, dsn: str) -> None:
    class Mine(psycopg.Cursor):
        def execute(self, query, params=None, **options):  # type: ignore[no-untyped-def, override]
            return super().execute(query, params, **options)

    with connect(dsn) as connection, Mine(connection) as cursor:
        cursor.execute(query=sql.SQL("SELECT {} FROM orders LIMIT 2").format(sql.Identifier("id")))
    (statement,) = hub.stop()
    assert (statement.sql, statement.rows) == ('SELECT "id" FROM orders LIMIT 2', 2)


def test_executemany_is_one_statement_of_several_calls(hub: Hub, dsn: str) -> None:
    with connect(dsn) as connection, connection.cursor() as cursor:
        cursor.executemany("INSERT INTO log VALUES (%s)", ((n,) for n in range(7)))
        assert cursor.rowcount == 7
        cursor.executemany("SELECT %s::int", [(1,), (2,)], returning=True)
    inserted, selected = hub.stop()
    assert (inserted.calls, inserted.round_trips, inserted.rows, len(inserted.plans)) == (7, 1, 0, 7)
    assert (selected.calls, selected.rows, len(selected.plans)) == (2, 2, 2)
    assert inserted.sql == "INSERT INTO log VALUES ($1)"


SLOW = "SELECT counted(3) FROM pg_sleep(0.2)"


def test_a_pipeline_gives_each_statement_its_own_plan(hub: Hub, dsn: str) -> None:
    with connect(dsn) as connection:
        with connection.pipeline():
            connection.execute(SLOW)  # no result is there before the last statement has been sent
            connection.execute("SET application_name = 'x'")
            cursor = connection.execute(ONE, (7,))
            connection.execute(ONE, (8,))
            connection.cursor().executemany("INSERT INTO log VALUES (%s)", [(1,), (2,)])
            assert cursor.fetchone() == ("n7",)
        with connection.pipeline():
            connection.execute("SELECT id FROM orders LIMIT 3")
        connection.execute("SELECT 1")
    function, setting, first, second, many, limited, last = hub.stop()
    assert [plan["Query Text"] for plan in function.plans][-1] == SLOW
    assert len(function.plans) == 2
    assert (setting.plans, len(first.plans), len(second.plans), len(many.plans)) == ([], 1, 1, 2)
    assert [s.round_trips for s in (function, setting, first, second, many, limited, last)] == [1, 0, 0, 0, 1, 1, 1]
    assert (first.rows, limited.rows) == (1, 3)
    assert node(many) == "ModifyTable"
    assert node(last) == "Result"


def test_copy_out_and_in(hub: Hub, dsn: str) -> None:
    with connect(dsn) as connection, connection.cursor() as cursor:
        with cursor.copy("COPY (SELECT id FROM orders WHERE id <= %s) TO STDOUT", (5,)) as copying:
            assert len(list(copying.rows())) == 5
        with cursor.copy("COPY log FROM STDIN") as copying:
            copying.write_row((1,))
        with pytest.raises(psycopg.errors.UndefinedTable), cursor.copy("COPY nothing TO STDOUT") as copying:
            pass
    out, into, failed = hub.stop()
    assert (out.rows, into.rows, failed.error) == (5, 0, "42P01")
    assert len(out.plans) == 1
    assert out.site is not None
    assert out.site.file == HERE


def test_a_copy_that_was_never_entered_is_no_statement(hub: Hub, dsn: str) -> None:
    with connect(dsn) as connection:
        connection.cursor().copy("COPY log FROM STDIN")
    assert hub.stop() == ()


def test_a_server_side_cursor_has_its_plan_rows_and_round_trips(hub: Hub, dsn: str) -> None:
    query = "SELECT id FROM orders"
    with psycopg.connect(dsn) as connection:
        with connection.cursor("c") as cursor:
            cursor.execute(query)
            assert len(cursor.fetchmany(10)) == 10
            assert cursor.fetchone() == (11,)
            connection.execute("SELECT count(*) FROM orders")
        with connection.cursor("d") as cursor:
            cursor.itersize = 50
            cursor.execute(query)
            assert len(list(cursor)) == 200
    first, between, second = hub.stop()
    assert first.sql == 'DECLARE "c" CURSOR FOR SELECT id FROM orders'
    assert (first.rows, first.round_trips) == (11, 3)
    assert (second.rows, second.round_trips) == (200, 6)
    assert [len(s.plans) for s in (first, between, second)] == [1, 1, 1]
    assert (node(first), node(between)) == ("Seq Scan", "Aggregate")
    assert first.plans[0]["Plan"]["Actual Rows"] == 11


def test_a_cursor_declared_again_keeps_both_plans_apart(hub: Hub, dsn: str) -> None:
    with psycopg.connect(dsn) as connection, connection.cursor("c") as cursor:
        for n in (3, 8):
            cursor.execute("SELECT id FROM orders")
            cursor.fetchmany(n)
    assert [s.plans[0]["Plan"]["Actual Rows"] for s in hub.stop()] == [3, 8]


def test_stream_counts_what_was_read(hub: Hub, dsn: str) -> None:
    with connect(dsn) as connection, connection.cursor() as cursor:
        assert len(list(cursor.stream("SELECT id FROM orders WHERE id <= %s", (9,)))) == 9
        rows = cursor.stream("SELECT id FROM orders")
        next(rows)
        rows.close()
        assert connection.execute("SELECT 1").fetchone() == (1,)
    whole, broken, after = hub.stop()
    assert (whole.rows, broken.rows, after.rows) == (9, 1, 1)
    assert len(whole.plans) == 1
    assert whole.sql == "SELECT id FROM orders WHERE id <= $1"


def test_statements_inside_a_function_come_before_its_caller(hub: Hub, dsn: str) -> None:
    with connect(dsn) as connection:
        connection.execute("SELECT counted(%s)", (3,))
    (statement,) = hub.stop()
    nested, top = statement.plans
    assert "FROM orders" in nested["Query Text"]
    assert top["Query Text"] == statement.sql


def test_an_error_reaches_the_application_as_it_is(hub: Hub, dsn: str) -> None:
    with connect(dsn) as connection:
        with pytest.raises(psycopg.errors.DivisionByZero) as caught:
            connection.execute("SELECT 1 / %s", (0,))
        with pytest.raises(psycopg.ProgrammingError, match="placeholders"):
            connection.execute("SELECT %s", (1, 2))
        assert connection.execute("SELECT 1").fetchone() == (1,)
    failed, after = hub.stop()
    assert failed.error == caught.value.sqlstate == "22012"
    assert (failed.sql, failed.plans) == ("SELECT 1 / $1", [])
    assert failed.why_no_plan == "the statement failed (22012)"
    assert len(after.plans) == 1


def test_a_statement_that_fails_in_a_pipeline_has_its_error(hub: Hub, dsn: str) -> None:
    with connect(dsn) as connection:
        with suppress(psycopg.Error), connection.pipeline():
            for statement, value in ((ONE, 7), ("SELECT 1 / %s", 0), (ONE, 8)):
                connection.execute(statement, (value,))
        connection.execute(ONE, (9,))
    statements = hub.stop()
    assert [statement.error for statement in statements] == [None, "22012", "PipelineAborted", None]
    assert [len(statement.plans) for statement in statements] == [1, 0, 0, 1]
    failed = statements[1]
    assert failed.why_no_plan == "the statement failed (22012)"


@pytest.mark.parametrize("many", [False, True])
def test_an_error_that_has_arrived_is_not_that_of_the_statement_whose_method_raises_it(
    hub: Hub, dsn: str, many: bool
) -> None:
    with connect(dsn) as connection:
        connection.execute("SET auto_explain.log_min_duration = -1")  # nothing arrives before the error
        with suppress(psycopg.Error), connection.pipeline():
            connection.execute("SELECT 1 / %s", (0,))
            assert select([connection], [], [], 10)[0]
            with pytest.raises(psycopg.errors.DivisionByZero), connection.cursor() as cursor:
                cursor.executemany(ONE, [(7,), (8,)]) if many else cursor.execute(ONE, (7,))
        connection.execute("SET auto_explain.log_min_duration = 0")
        connection.execute(ONE, (9,))
    statements = [one for one in hub.stop() if not one.sql.startswith("SET")]
    assert [statement.error for statement in statements] == ["22012", "PipelineAborted", None]
    assert [len(statement.plans) for statement in statements] == [0, 0, 1]


class Unsendable:
    """What psycopg has no adapter for."""


def refused() -> Iterator[tuple[object, ...]]:
    yield (7,)
    raise ValueError("no more")


@pytest.mark.parametrize(
    ("sets", "kind"), [([(7,), (8,), (Unsendable(),)], psycopg.ProgrammingError), (refused(), ValueError)]
)
def test_what_the_client_refuses_in_a_pipeline_is_its_own_error(
    hub: Hub, dsn: str, sets: Iterable[tuple[object, ...]], kind: type[Exception]
) -> None:
    with connect(dsn) as connection:
        with pytest.raises(kind), connection.pipeline(), connection.cursor() as cursor:
            cursor.executemany(ONE, sets)
        connection.execute(ONE, (9,))
    refused, after = hub.stop()
    assert refused.error == kind.__name__
    assert (after.error, len(after.plans)) == (None, 1)


def test_an_execution_that_lost_its_connection(hub: Hub, dsn: str) -> None:
    with connect(dsn) as connection, pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    (statement,) = hub.stop()
    assert statement.error


def test_another_database_is_not_the_tests(hub: Hub, databases: dict[str, str]) -> None:
    notices: list[str] = []
    with connect(databases["other"]) as connection:
        connection.add_notice_handler(lambda notice: notices.append(str(notice.message_primary)))
        connection.execute("SELECT 1")
    assert hub.stop() == ()
    assert "plan:" in notices[0]


def test_the_applications_notice_handlers_get_its_own_notices_and_no_plans(hub: Hub, dsn: str) -> None:
    notices: list[str] = []
    with connect(dsn) as connection:
        connection.add_notice_handler(lambda notice: notices.append(str(notice.message_primary)))
        connection.execute("DO $$BEGIN RAISE NOTICE 'hello'; RAISE INFO 'duration: 1 ms  plan:'; END$$")
        connection.execute("SELECT 1")
        hub.stop()
        connection.execute("SELECT 2")
    assert notices == ["hello", "duration: 1 ms  plan:"]


def test_threads_lose_and_double_nothing(hub: Hub, dsn: str) -> None:
    def work(thread: int) -> None:
        with connect(dsn) as connection:
            for n in range(100):
                connection.execute(f"SELECT {thread * 1000 + n}")

    threads = [threading.Thread(target=work, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    statements = hub.stop()
    assert sorted(s.sql for s in statements) == sorted(f"SELECT {t * 1000 + n}" for t in range(16) for n in range(100))
    assert all([plan["Query Text"] for plan in s.plans] == [s.sql] for s in statements)


def test_threads_that_share_a_connection_keep_their_plans(hub: Hub, dsn: str) -> None:
    with connect(dsn) as connection:

        def work(thread: int) -> None:
            for n in range(50):
                connection.execute(f"SELECT {thread * 1000 + n}")

        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    statements = hub.stop()
    assert len(statements) == 200
    assert all([plan["Query Text"] for plan in s.plans] == [s.sql] for s in statements)


def test_a_pool(hub: Hub, dsn: str) -> None:
    with ConnectionPool(dsn, min_size=2, max_size=2) as pool:
        for n in range(4):
            with pool.connection() as connection:
                connection.execute(f"SELECT {n}")
    assert [s.sql for s in hub.stop()] == [f"SELECT {n}" for n in range(4)]


def test_a_connection_that_is_dropped_is_freed(hub: Hub, dsn: str) -> None:
    import weakref

    connection = connect(dsn)
    with connection.pipeline():
        connection.execute("SELECT 1")
    connection.close()
    alive = weakref.ref(connection)
    del connection
    assert alive() is None


def test_uninstall_puts_the_methods_back(dsn: str) -> None:
    before = psycopg.Cursor.execute, psycopg.ServerCursor.__next__, psycopg.AsyncCursor.copy
    hub, driver = Hub(), Psycopg3()
    hub.watch("watched")
    driver.install(hub)
    driver.install(hub)
    assert psycopg.Cursor.execute is not before[0]
    driver.uninstall()
    driver.uninstall()
    assert (psycopg.Cursor.execute, psycopg.ServerCursor.__next__, psycopg.AsyncCursor.copy) == before
    hub.start()
    with connect(dsn) as connection:
        connection.execute("SELECT 1")
    assert hub.stop() == ()


def test_psycopg_still_has_the_private_parts_that_are_read(dsn: str) -> None:
    """Without them the client's text and a round trip for each pipelined statement are recorded instead."""
    with connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor._query.query == b"SELECT 1"
        assert cursor._convert_query(ONE, (1,)).query == SERVER_ONE.encode()
        assert cursor._results[0].ntuples == 1
        assert callable(cursor._raise_for_result)
        with connection.pipeline():
            assert connection._pipeline is not None


def test_a_driver_without_its_private_parts_gives_the_clients_text(dsn: str) -> None:
    from pytest_perfbudget.capture.psycopg3_calls import client_text

    with connect(dsn) as connection, connection.cursor() as cursor:
        assert client_text(ONE, cursor) == ONE.encode()
        assert client_text(sql.Identifier("a"), cursor) == b'"a"'


def test_parameters_are_adapted_once(hub: Hub, dsn: str) -> None:
    """A dumper of the application's may count, or have effects: psycopg prepares at the sixth execution."""
    from psycopg.adapt import Dumper

    class Order(int):
        pass

    dumped: list[int] = []

    class OrderDumper(Dumper):
        oid = psycopg.adapters.types["int4"].oid

        def dump(self, obj: Order) -> bytes:
            dumped.append(obj)
            return str(int(obj)).encode()

    with connect(dsn) as connection:
        connection.adapters.register_dumper(Order, OrderDumper)
        for n in range(1, 9):
            connection.execute(ONE, (Order(n),))
    assert dumped == list(range(1, 9))
    assert [s.params for s in hub.stop()] == [(str(n).encode(),) for n in range(1, 9)]


def test_a_statement_that_has_not_ended_is_named(hub: Hub, dsn: str) -> None:
    with connect(dsn) as connection, connect(dsn) as other:
        thread = threading.Thread(target=lambda: connection.execute("SELECT pg_sleep(30)"))
        caught = threading.excepthook
        threading.excepthook = lambda args: None
        thread.start()
        while not hub.recording or not hub.recording.statements():
            sleep(0.01)
        (statement,) = hub.stop()
        other.execute("SELECT pg_cancel_backend(%s)", (connection.info.backend_pid,))
        thread.join()
        threading.excepthook = caught
    assert (statement.sql, statement.error) == ("SELECT pg_sleep(30)", "unfinished")
    assert statement.why_no_plan == "the statement had not ended when the test had"


def test_a_recording_is_let_go_when_it_has_ended(hub: Hub, dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute("SELECT %s::int", (1,))
        assert hub.recording is not None
        tap = connection.pgconn.notice_handler
        hub.stop()
        assert tap.recording is None
        assert (tap.portal, tap.cursors) == (None, {})


def test_bytes_are_counted_where_somebody_asks(hub: Hub, dsn: str) -> None:
    """``n1``…``n200`` are 692 bytes; COPY ends each row with a newline."""
    query = "SELECT note FROM orders"
    hub.measures = True
    hub.start()
    with psycopg.connect(dsn) as connection:
        with connection.cursor() as cursor:
            cursor.execute(query)
            cursor.execute("SELECT NULL, 'ab'")
            list(cursor.stream(query))
            with cursor.copy(f"COPY ({query}) TO STDOUT") as copying:
                list(copying)
            cursor.execute("INSERT INTO log VALUES (1)")
        with connection.cursor("c") as cursor:
            cursor.itersize = 50
            cursor.execute(query)
            assert len(list(cursor)) == 200
        with connection.cursor("d") as cursor:
            cursor.execute(query)
            cursor.fetchmany(9)
        connection.rollback()
    found = [(s.fetched, s.rows, s.size) for s in hub.stop() if s.rows or "INSERT" in s.sql]
    assert found == [
        ("whole", 200, 692), ("whole", 1, 2), ("stream", 200, 692), ("copy", 200, 892), ("whole", 0, 0),
        ("cursor", 200, 692), ("cursor", 9, 18),
    ]  # fmt: skip
    hub.measures = False
    hub.start()
    with connect(dsn) as connection:
        connection.execute(query)
    assert [s.size for s in hub.stop()] == [None]
