"""Whether a server's log can be read, and reading it from several processes' points of view."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import start

from pytest_perfbudget.errors import ServerError
from pytest_perfbudget.postgres import Server
from pytest_perfbudget.postgres.cluster import remedy
from pytest_perfbudget.postgres.log import LOGGED, ServerLog, check


@pytest.fixture(scope="module")
def logging(cache: Path) -> Iterator[Server]:
    server = start(cache=str(cache), logs=True)
    try:
        for name in ("one", "two"):
            server.admin.execute(f"CREATE DATABASE {name}")
            for setting, value in LOGGED.items():
                server.admin.execute(f"ALTER DATABASE {name} SET {setting} = '{value}'")
        yield server
    finally:
        for name in ("one", "two"):
            server.admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        server.close()


def send(server: Server, database: str, *statements: str) -> None:
    import psycopg

    with psycopg.connect(server.dsn(database), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def statements(log: ServerLog) -> list[str]:
    return [entry.message.partition("statement: ")[2] for entry in log.entries()]


def test_each_reader_has_what_is_of_its_database_and_since_its_mark(logging: Server) -> None:
    one, two = ServerLog(logging, "one"), ServerLog(logging, "two")
    send(logging, "one", "SELECT 'before'")
    one.begin()
    send(logging, "one", "SELECT 1")
    two.begin()
    send(logging, "two", "SELECT 2")
    send(logging, "one", "SELECT 3", "SELECT 'two'")
    assert statements(one) == ["SELECT 1", "SELECT 3", "SELECT 'two'"]
    assert statements(two) == ["SELECT 2"]


def test_reading_goes_on_after_the_last_mark_and_begins_anew(logging: Server) -> None:
    log = ServerLog(logging, "one")
    log.begin()
    send(logging, "one", "SELECT 1")
    assert statements(log) == ["SELECT 1"]
    send(logging, "one", "SELECT 2")
    assert statements(log) == ["SELECT 2"]
    assert statements(log) == []
    send(logging, "one", "SELECT 'lost'")
    log.begin()
    assert statements(log) == []


def test_a_file_that_is_rotated_away_is_read_to_its_end(logging: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    log = ServerLog(logging, "one")
    log.begin()
    send(logging, "one", "SELECT 'in the first'")
    current = Path(log._current())
    before = current.rename(current.with_suffix(".before"))
    logging.admin.execute("select pg_rotate_logfile()")
    send(logging, "one", "SELECT 'in the second'")
    monkeypatch.setattr(log, "_name", str(before))
    assert statements(log) == ["SELECT 'in the first'", "SELECT 'in the second'"]


def test_a_server_that_keeps_no_log_as_data_is_refused_in_words(server: Server) -> None:
    with pytest.raises(
        ServerError, match=r"writes no jsonlog \(logging_collector = off, log_destination = stderr\)"
    ) as raised:
        check(server.admin, server.major)
    assert "set logging_collector = on and log_destination = 'jsonlog' there" in str(raised.value)
    with pytest.raises(ServerError, match="writes no csvlog"):
        check(server.admin, 14)


def test_who_is_no_superuser_is_refused_in_words(server: Server) -> None:
    import psycopg

    role = f"plain_{uuid.uuid4().hex[:8]}"
    server.admin.execute(f"CREATE ROLE {role} LOGIN")
    try:
        dsn = server.dsn("postgres").replace("postgres@", f"{role}@")
        with psycopg.connect(dsn, autocommit=True) as theirs, pytest.raises(ServerError, match="is no superuser"):
            check(theirs, server.major)
    finally:
        server.admin.execute(f"DROP ROLE {role}")


def test_where_the_reason_of_a_server_that_does_not_start_has_gone() -> None:
    redirected = "LOG:  redirecting log output to logging collector process\nHINT:  Future log output will appear …"
    assert "PERFBUDGET_SERVER_LOG=0 shows the rest here" in remedy(redirected)
    assert "PERFBUDGET_SERVER_LOG" not in remedy("FATAL:  something else")
