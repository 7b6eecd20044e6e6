from __future__ import annotations

import inspect
import io
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from psycopg2 import extensions, extras

from pytest_perfbudget.capture.hub import Hub
from pytest_perfbudget.capture.psycopg2 import Psycopg2

HERE = Path(__file__).name
ONE = "SELECT note FROM orders WHERE id = %s"
SENT = "SELECT note FROM orders WHERE id = 7"


@pytest.fixture
def hub() -> Iterator[Hub]:
    hub, driver = Hub(str(Path(__file__).parent)), Psycopg2()
    hub.watch("watched")
    hub.watch("plain")
    driver.install(hub)
    hub.start()
    try:
        yield hub
    finally:
        driver.uninstall()


def connect(dsn: str, **options: Any) -> closing[Any]:
    connection = psycopg2.connect(dsn, **options)
    connection.autocommit = True
    return closing(connection)


def line() -> int:
    return inspect.currentframe().f_back.f_lineno  # type: ignore[union-attr]


def test_an_execute_is_recorded_as_the_server_got_it(hub: Hub, dsn: str) -> None:
    with connect(dsn) as connection, connection.cursor() as cursor:
        _, at = cursor.execute(ONE, (7,)), line()
        assert cursor.fetchone() == ("n7",)
    (statement,) = hub.stop()
    assert (statement.sql, statement.params, statement.types, statement.formats) == (SENT, (), (), ())
    assert (statement.rows, statement.calls, statement.round_trips, statement.error) == (1, 1, 1, None)
    assert statement.prepares is None
    assert statement.duration > 0
    assert statement.site is not None
    assert (statement.site.file, statement.site.line) == (HERE, at)
    (plan,) = statement.plans
    assert (plan["Query Text"], plan["Plan"]["Actual Rows"]) == (SENT, 1)


@pytest.mark.parametrize(
    "options",
    [
        {"cursor_factory": extras.DictCursor},
        {"cursor_factory": extras.RealDictCursor},
        {"cursor_factory": extras.NamedTupleCursor},
        {"connection_factory": extras.DictConnection},
        {"connection_factory": extras.NamedTupleConnection},
        {"connection_factory": lambda dsn: extensions.connection(dsn)},
    ],
)
def test_the_applications_factories_stay_what_they_are(hub: Hub, dsn: str, options: dict[str, Any]) -> None:
    with connect(dsn, **options) as connection:
        factory = options.get("connection_factory")
        assert not isinstance(factory, type) or isinstance(connection, factory)
        cursor = connection.cursor()
        cursor.execute(ONE, (7,))
        row = cursor.fetchone()
        assert type(row) is tuple or row[0 if not isinstance(row, dict) else "note"] == "n7"
        named = connection.cursor(cursor_factory=extras.RealDictCursor)
        named.execute("SELECT 2 AS two")
        assert named.fetchall() == [{"two": 2}]
    statements = hub.stop()
    assert [s.sql for s in statements] == [SENT, "SELECT 2 AS two"]
    assert [len(s.plans) for s in statements] == [1, 1]


def test_an_executemany_is_as_many_statements_as_are_sent(hub: Hub, dsn: str) -> None:
    with connect(dsn) as connection, connection.cursor() as cursor:
        cursor.executemany("INSERT INTO log VALUES (%s)", ((n,) for n in range(3)))
        assert cursor.rowcount == 3
        with pytest.raises(psycopg2.errors.InvalidTextRepresentation):
            cursor.executemany("SELECT %s::int", [("1",), ("x",), ("3",)])
        extras.execute_values(cursor, "INSERT INTO log VALUES %s", [(n,) for n in range(5)])
        extras.execute_batch(cursor, "INSERT INTO log VALUES (%s)", [(1,), (2,)])
    *many, first, second, values, batch = hub.stop()
    assert [s.sql for s in many] == [f"INSERT INTO log VALUES ({n})" for n in range(3)]
    assert [(len(s.plans), s.rows, s.round_trips, s.calls) for s in many] == [(1, 0, 1, 1)] * 3
    assert [(s.sql, s.error) for s in (first, second)] == [("SELECT '1'::int", None), ("SELECT 'x'::int", "22P02")]
    assert values.sql == "INSERT INTO log VALUES (0),(1),(2),(3),(4)"
    assert (values.site.file, len(values.plans)) == (HERE, 1)  # type: ignore[union-attr]
    assert len(batch.plans) == 2


def test_procedures_and_copies(hub: Hub, dsn: str) -> None:
    with connect(dsn) as connection, connection.cursor() as cursor:
        cursor.callproc("counted", (3,))
        assert cursor.fetchone() == (20,)
        cursor.copy_expert("COPY (SELECT id FROM orders WHERE id <= 5) TO STDOUT", io.StringIO())
        cursor.copy_to(io.StringIO(), "orders")
        cursor.copy_from(io.StringIO("1\n2\n"), "log")
    called, expert, out, into = hub.stop()
    assert (called.sql, called.rows, len(called.plans)) == ("SELECT * FROM counted(3)", 1, 2)
    assert [s.rows for s in (expert, out, into)] == [5, 200, 0]
    assert [len(s.plans) for s in (expert, out, into)] == [1, 0, 0]
    assert into.sql.startswith('COPY "log" FROM stdin')


def test_a_named_cursor_counts_its_fetches(hub: Hub, dsn: str) -> None:
    with connect(dsn) as connection:
        connection.autocommit = False
        with connection.cursor("all", cursor_factory=extras.RealDictCursor) as cursor:
            cursor.itersize = 50
            cursor.execute("SELECT id FROM orders WHERE id <= %s", (120,))
            assert len([row["id"] for row in cursor]) == 120
        with connection.cursor(name="some") as cursor:
            cursor.execute("SELECT id FROM orders ORDER BY id")
            assert (cursor.fetchone(), len(cursor.fetchmany(9))) == ((1,), 9)
        connection.commit()
    iterated, fetched = hub.stop()
    # declared, 50, 50, 20, the end; declared, 1, 9.
    assert (iterated.rows, iterated.round_trips, len(iterated.plans)) == (120, 5, 1)
    assert (fetched.rows, fetched.round_trips, len(fetched.plans)) == (10, 3, 1)


def test_in_a_transaction_each_statement_has_its_own_plan(hub: Hub, dsn: str) -> None:
    with connect(dsn) as connection:
        connection.autocommit = False
        cursor = connection.cursor()
        cursor.execute("SELECT counted(1)")
        cursor.execute(ONE, (7,))
        function, one = hub.stop()
    assert [len(function.plans), len(one.plans)] == [2, 1]


def test_errors_are_the_applications_own(hub: Hub, dsn: str) -> None:
    with connect(dsn) as connection, connection.cursor() as cursor:
        with pytest.raises(psycopg2.errors.DivisionByZero):
            cursor.execute("SELECT 1/0")
        with pytest.raises(IndexError):
            cursor.execute("SELECT %s, %s", (1,))
        with pytest.raises(psycopg2.errors.QueryCanceled):
            cursor.execute("SET statement_timeout = 20; SELECT pg_sleep(5)")
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid()) WHERE false")
        with pytest.raises(psycopg2.OperationalError):
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        with pytest.raises(psycopg2.InterfaceError):
            cursor.execute("SELECT 3")
    assert [s.error for s in hub.stop()] == ["22012", "57014", None, "OperationalError"]


def test_the_applications_notices_are_everything_but_plans(hub: Hub, dsn: str) -> None:
    with connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute("DO $$BEGIN RAISE NOTICE 'hello'; END$$")
        cursor.execute(ONE, (7,))
        assert connection.notices == ["NOTICE:  hello\n"]
        connection.notices[:] = []
        assert connection.notices == []


def test_connections_made_before_are_seen(dsn: str) -> None:
    hub, driver = Hub(str(Path(__file__).parent)), Psycopg2()
    hub.watch("watched")
    with connect(dsn) as connection:
        earlier = connection.cursor()
        driver.install(hub)
        try:
            hub.start()
            connection.cursor().execute("SELECT 1")
            earlier.execute("SELECT 2")
            at = line() - 1
            connection.cursor(cursor_factory=extras.DictCursor).execute(ONE, (7,))
            statements = hub.stop()
        finally:
            driver.uninstall()
    assert [s.sql for s in statements] == ["SELECT 1", "SELECT 2", SENT]
    assert [(len(s.plans), s.rows) for s in statements] == [(1, 1)] * 3
    assert (statements[1].site.file, statements[1].site.line) == (HERE, at)  # type: ignore[union-attr]


def test_lazy_objects_of_the_application_stay_lazy() -> None:
    class Lazy:
        @property
        def __class__(self) -> type:  # type: ignore[override]
            raise RuntimeError("made too early")

    lazy, driver = [Lazy()], Psycopg2()
    driver.install(Hub())
    driver.uninstall()
    assert lazy


def test_an_asynchronous_connection_gives_its_plan_when_it_is_polled(hub: Hub, dsn: str) -> None:
    connection = psycopg2.connect(dsn, async_=True)
    extras.wait_select(connection)
    cursor = connection.cursor()
    cursor.execute(ONE, (7,))
    extras.wait_select(connection)
    assert cursor.fetchone() == ("n7",)
    connection.close()
    (statement,) = hub.stop()
    assert (statement.sql, statement.rows, len(statement.plans)) == (SENT, 1, 1)


def test_threads_on_one_connection_keep_their_own_plans(hub: Hub, dsn: str) -> None:
    with connect(dsn) as connection:

        def work(thread: int) -> None:
            for n in range(50):
                connection.cursor().execute(f"SELECT {thread}, {n}")

        threads = [threading.Thread(target=work, args=(thread,)) for thread in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    statements = hub.stop()
    assert sorted(s.sql for s in statements) == sorted(f"SELECT {t}, {n}" for t in range(4) for n in range(50))
    assert [[plan["Query Text"] for plan in s.plans] for s in statements] == [[s.sql] for s in statements]


def test_other_databases_and_what_is_muted_are_nobodys(hub: Hub, databases: dict[str, str]) -> None:
    with connect(databases["other"]) as connection:
        connection.cursor().execute("SELECT 1")
    with connect(databases["watched"]) as connection, hub.mute():
        connection.cursor().execute("SELECT 2")
    assert hub.stop() == ()


def test_text_of_another_encoding_is_kept_in_utf_8(hub: Hub, dsn: str) -> None:
    with connect(dsn) as connection:
        connection.set_client_encoding("LATIN1")
        connection.cursor().execute("SELECT 'é'")
    assert [(s.sql, len(s.plans)) for s in hub.stop()][-1] == ("SELECT 'é'", 1)


@pytest.mark.parametrize("connect", ["psycopg2.connect", "from psycopg2 import connect; connect"])
def test_it_waits_for_the_application_to_import_it(connect: str, dsn: str) -> None:
    before, _, name = connect.rpartition("; ")
    program = f"""
import sys
from pytest_perfbudget.capture.hub import Hub
from pytest_perfbudget.capture.psycopg2 import Psycopg2
hub, driver = Hub(), Psycopg2()
hub.watch("watched")
driver.install(hub)
assert "psycopg2" not in sys.modules
import psycopg2
{before}
hub.start()
connection = {name}({dsn!r})
connection.cursor().execute("SELECT 1")
assert [s.sql for s in hub.stop()] == ["SELECT 1"]
driver.uninstall()
assert type({name}({dsn!r})) is psycopg2.extensions.connection
"""
    subprocess.run([sys.executable, "-c", program], check=True)
