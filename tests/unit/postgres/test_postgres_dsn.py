"""An existing server: the embedded one, entered as a stranger who may only create databases."""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from pytest_perfbudget.errors import ServerError
from pytest_perfbudget.postgres import Request, Server
from pytest_perfbudget.postgres.clones import clone, drop
from pytest_perfbudget.postgres.dsn import Dsn, DsnServer, planned_dsn
from pytest_perfbudget.postgres.markers import held_keys, run_key
from pytest_perfbudget.postgres.profile import DETERMINISTIC
from pytest_perfbudget.postgres.seed import Seed
from pytest_perfbudget.postgres.spares import Spares
from pytest_perfbudget.postgres.templates import Template, ensure

PASSWORD = "p@:/?# %w"


@pytest.fixture
def dsn(server: Server) -> Iterator[str]:
    """Of a role that is no superuser; its databases are dropped with it."""
    server.admin.execute("drop role if exists stranger")
    server.admin.execute(f"create role stranger login createdb password '{PASSWORD}'")
    yield server.dsn("postgres").replace("postgres@", "stranger:p%40%3A%2F%3F%23%20%25w@") + "&sslmode=prefer"
    for (name,) in server.admin.execute(
        "select datname from pg_database d join pg_roles r on r.oid = datdba where rolname = 'stranger'"
    ).fetchall():
        server.admin.execute(f'alter database "{name}" is_template false')
        server.admin.execute(f'drop database "{name}" with (force)')
    server.admin.execute("drop role stranger")


def enter(dsn: str) -> DsnServer:
    return Dsn().start(Request(run=uuid.uuid4().hex, server=dsn))


def seeded(server: DsnServer, tmp_path: Path) -> Template:
    (tmp_path / "a.sql").write_text("create table t as select 1 as id")
    return ensure(server, Seed.of(["a.sql"], tmp_path))


def names(server: Server) -> set[str]:
    return {name for (name,) in server.admin.execute("select datname from pg_database")}


def test_a_clone_has_what_a_session_can_set(dsn: str, tmp_path: Path) -> None:
    used = enter(dsn)
    made = clone(used, seeded(used, tmp_path), "perfbudget_dsn")
    with psycopg.connect(used.dsn(made.name)) as connection:
        shown = connection.execute(
            "select setting, source from pg_settings where name = 'max_parallel_workers_per_gather'"
        ).fetchone()
    assert not made.captures
    assert shown == ("0", "database")
    assert used.notes == ()
    spares = Spares(used, made.template)
    assert spares.renew(made) is made
    spares.close(made)
    assert not [name for name in names(used) if name.startswith(("perfbudget_s_", made.name))]
    used.close()


def test_settings_of_the_server_that_differ_are_notes(dsn: str) -> None:
    turned = tuple(replace(s, value="on") if s.name == "fsync" else s for s in DETERMINISTIC.settings)
    used = Dsn().start(Request(run="r", server=dsn, profile=replace(DETERMINISTIC, settings=turned)))
    assert [note.split(":")[0] for note in used.notes] == ["fsync is off, not on"]  # type: ignore[union-attr]
    used.close()  # type: ignore[union-attr]


def test_leftovers_of_dead_runs_are_dropped_and_nobody_elses(server: Server, dsn: str, tmp_path: Path) -> None:
    dead, living = enter(dsn), enter(dsn)
    template = seeded(dead, tmp_path)
    clone(dead, template, "perfbudget_dead")
    clone(living, seeded(living, tmp_path), "perfbudget_living")
    living.admin.execute("create database perfbudget_not_marked")
    dead.close()
    third = enter(dsn)
    left = names(server)
    third.close()
    living.close()
    assert "perfbudget_dead" not in left
    assert {"perfbudget_living", "perfbudget_not_marked", template.name} <= left


def test_a_database_without_our_marker_is_never_replaced(dsn: str, tmp_path: Path) -> None:
    used = enter(dsn)
    used.admin.execute("create database perfbudget_precious")
    with pytest.raises(ServerError, match="not marked as the plugin's"):
        clone(used, seeded(used, tmp_path), "perfbudget_precious")
    assert "perfbudget_precious" in names(used)
    used.close()


def test_a_template_of_another_role_is_neither_used_nor_replaced(server: Server, dsn: str, tmp_path: Path) -> None:
    other = enter(server.dsn("postgres"))
    used = enter(dsn)
    theirs, mine = seeded(other, tmp_path), seeded(used, tmp_path)
    found = names(server)
    other.close()
    used.close()
    assert mine.built
    assert {theirs.name, mine.name} <= found
    assert theirs.name != mine.name


def test_a_template_is_built_anew_by_the_first_of_a_run_that_wants_it_so(dsn: str, tmp_path: Path) -> None:
    used = enter(dsn)
    first = seeded(used, tmp_path)
    used.close()
    again = enter(dsn)
    assert not seeded(again, tmp_path).built
    again.close()
    third = enter(dsn)
    sibling = Dsn().start(Request(run=third.run, worker="gw1", server=dsn))
    anew = [ensure(worker, Seed.of(["a.sql"], tmp_path), anew=True) for worker in (third, sibling)]
    assert [template.name for template in anew] == [first.name, first.name]
    assert [template.built for template in anew] == [True, False]
    fourth = enter(dsn)
    used = ensure(fourth, Seed.of(["a.sql"], tmp_path), anew=True)
    assert not used.built
    assert "another run is using it" in used.notes[-1]
    for server in (third, sibling, fourth):
        server.close()


def test_without_createdb_the_error_says_what_to_type(server: Server, dsn: str) -> None:
    server.admin.execute("alter role stranger nocreatedb")
    with pytest.raises(ServerError, match='ALTER ROLE "stranger" CREATEDB;') as caught:
        enter(dsn)
    assert PASSWORD not in str(caught.value)


def test_the_password_travels_in_the_dsn_and_is_never_shown(dsn: str) -> None:
    used = enter(dsn)
    params = psycopg.conninfo.conninfo_to_dict(used.dsn("other"))
    used.close()
    assert (params["password"], params["dbname"], params["sslmode"]) == (PASSWORD, "other", "prefer")
    assert PASSWORD not in repr(used)
    assert "p%40" not in repr(used)
    assert planned_dsn(dsn, "abcdefghij", "gw0") == used.dsn("perfbudget_abcdefgh_gw0")


def test_another_major_or_no_dsn_is_refused(dsn: str) -> None:
    with pytest.raises(ServerError, match="is PostgreSQL 18, not 15"):
        Dsn().start(Request(run="r", server=dsn, major=15))
    assert Dsn().refusal(Request(run="r", server="embedded"))


def test_after_an_interrupt_the_run_still_lives_and_tidies_up(server: Server, dsn: str, tmp_path: Path) -> None:
    used = enter(dsn)
    made = clone(used, seeded(used, tmp_path), "perfbudget_interrupted")
    before = used.admin
    before.pgconn.send_query(b"select pg_sleep(600)")  # as a Ctrl-C leaves it
    drop(used, made.name)
    assert made.name not in names(used)
    assert used.admin is not before
    assert run_key(used.run) in held_keys(server.admin)
    used.close()


def test_a_run_whose_session_is_ended_goes_on_and_is_still_known_to_live(server: Server, dsn: str) -> None:
    used = enter(dsn)
    ended = used.admin.info.backend_pid
    server.admin.execute("select pg_terminate_backend(%s, 5000)", [ended])
    assert used.admin.info.backend_pid != ended
    assert used.admin.execute("select 1").fetchone() == (1,)
    assert run_key(used.run) in held_keys(server.admin)
    used.close()
