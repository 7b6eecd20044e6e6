"""What the server runs against what was asked for, in whatever unit either is written."""

import uuid
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import start

from pytest_perfbudget.postgres import Request, Server, profiles
from pytest_perfbudget.postgres.clones import clone, drop
from pytest_perfbudget.postgres.dsn import Dsn
from pytest_perfbudget.postgres.profile import DETERMINISTIC, Level, Setting, in_sql
from pytest_perfbudget.postgres.profiles import PARALLEL
from pytest_perfbudget.postgres.profiles.machine import GB, Machine
from pytest_perfbudget.postgres.profiles.readback import differences
from pytest_perfbudget.postgres.profiles.values import canonical
from pytest_perfbudget.postgres.seed import Seed
from pytest_perfbudget.postgres.templates import ensure

SET = "select set_config(%s, %s, false)"
READ = "select setting, vartype, unit from pg_settings where name = %s"


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("work_mem", ["64kB", "4MB", "1 GB", "1.5GB", "0.5MB", "9000"]),
        ("effective_cache_size", ["8kB", "4GB", "524288", "1TB"]),
        ("temp_buffers", ["100", "8MB"]),
        ("random_page_cost", ["1.1", "4", "4.0", "1e1", ".5"]),
        ("statement_timeout", ["0", "5s", "1min", "2h", "1d", "250ms"]),
        ("jit", ["on", "true", "YES", "0", "off", "f"]),
        ("plan_cache_mode", ["auto", "Force_Generic_Plan"]),
        ("search_path", ["a, b"]),
    ],
)
def test_a_value_means_what_the_server_makes_of_it(server: Server, name: str, values: list[str]) -> None:
    with server.connect() as connection:
        for value in values:
            connection.execute(SET, [name, value])
            setting, kind, unit = connection.execute(READ, [name]).fetchone() or ("", "", "")
            assert canonical(value, kind, unit) == canonical(setting, kind), value


@pytest.mark.parametrize("value", ["4 apples", "x", "4MB", "", "--"])
def test_what_the_server_would_not_take_equals_nothing(value: str) -> None:
    assert canonical(value, "integer", "ms") == value.strip().lower()


def test_a_difference_is_said_in_words_and_a_unit_is_none(server: Server) -> None:
    profile = DETERMINISTIC.with_settings(
        "mine",
        Setting("work_mem", "4096kB", "as the default"),
        Setting("seq_page_cost", "2", "scans are dear"),
        Setting("no_such_setting", "1", ""),
    )
    with server.connect() as connection:
        assert differences(connection, server.profile, 18) == ()
        assert differences(connection, profile, 18) == (
            "seq_page_cost is 1, not 2: scans are dear",
            "no_such_setting is not a setting of this server, the profile mine names it",
        )


def test_a_server_of_our_own_runs_a_computed_profile(cache: Path) -> None:
    wanted = profiles.named("web", Machine(64 * GB, 16), {})
    server = start(cache=str(cache), profile=wanted)
    found = server.admin.execute("show effective_cache_size").fetchone()
    notes = differences(server.admin, server.profile, 18)
    server.close()
    assert found == ("48GB",)
    assert notes == ()


def test_on_somebody_elses_server_what_can_be_set_is_and_the_rest_is_a_note(server: Server, tmp_path: Path) -> None:
    wanted = PARALLEL.with_settings(
        "mine",
        Setting("work_mem", "3MB", "small", Level.SERVER),
        Setting("wal_buffers", "1MB", "tiny"),
        Setting("seq_page_cost", "0.5", "cheap"),
    )
    request = Request(run=uuid.uuid4().hex, server=server.dsn("postgres"), profile=wanted)
    used = Dsn().start(request)
    made = clone(used, ensure(used, Seed.of([], tmp_path)), "perfbudget_readback")
    with used.connect(made.name) as connection:
        found = differences(connection, used.profile, 18)
        values = connection.execute("select current_setting('work_mem'), current_setting('seq_page_cost')").fetchone()
        connection.execute("set work_mem = '5MB'")
        later = differences(connection, used.profile, 18)
    drop(used, made.name)
    used.close()
    assert values == ("3MB", "0.5")
    assert [note.split(":")[0] for note in found] == [
        "max_worker_processes is 8, not 64",
        "wal_buffers is 4MB, not 1MB",
    ]
    assert used.notes == found
    assert set(later) - set(found) == {"work_mem is 5MB, not 3MB: small"}
    assert replace(used.profile, name="x").of(18, Level.SERVER) != wanted.of(18, Level.SERVER)


def test_lists_quotes_and_settings_that_are_not_known_on_somebody_elses_server(server: Server, tmp_path: Path) -> None:
    wanted = DETERMINISTIC.with_settings(
        "mine",
        Setting("search_path", '"$user", Shop, public', "a list"),
        Setting("shop.greeting", "it's", "of the application"),
        Setting("no_such_setting", "1", "a slip"),
    )
    used = Dsn().start(Request(run=uuid.uuid4().hex, server=server.dsn("postgres"), profile=wanted))
    made = clone(used, ensure(used, Seed.of([], tmp_path)), "perfbudget_lists")
    with used.connect(made.name) as connection:
        values = connection.execute(
            "select current_setting('search_path'), current_setting('shop.greeting'), current_schemas(false)"
        ).fetchone()
    drop(used, made.name)
    used.close()
    assert values == ('"$user", shop, public', "it's", ["public"])
    assert "no_such_setting is not a setting of this server, the profile mine names it" in used.notes


@pytest.mark.parametrize(
    ("value", "sql"),
    [
        ("a,b", "'a', 'b'"),
        ('"A, ""b""" , C', "'A, \"b\"', 'c'"),
        ("", "''"),
        ("it's", "'it''s'"),
    ],
)
def test_a_list_is_names_in_sql(value: str, sql: str) -> None:
    assert in_sql(Setting("search_path", value, "")) == f"search_path = {sql}"
