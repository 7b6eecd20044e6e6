"""Both sides executed where their tables are, on a real server."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import psycopg
import pytest

from pytest_perfbudget.measure.rounds import WARM_UP, turn
from pytest_perfbudget.model import Statement
from pytest_perfbudget.postgres import Request, Server
from pytest_perfbudget.postgres.clones import clone, drop
from pytest_perfbudget.postgres.embedded import Embedded
from pytest_perfbudget.postgres.relocate import SCHEMA, Relocate
from pytest_perfbudget.postgres.seed import Seed
from pytest_perfbudget.postgres.templates import attach, ensure
from pytest_perfbudget.session.against.layouts import OneConnection, Pinned, TwoDatabases, bound_to_a_schema, pinned
from pytest_perfbudget.session.against.sides import Layout, Sides, connected, refused

pytestmark = pytest.mark.skipif(Embedded().refusal(Request("x" * 32)) is not None, reason="no embedded PostgreSQL")
COUNT = Statement("select count(*) from t")


@pytest.fixture(scope="module")
def server(server_cache: str) -> Iterator[Server]:
    server = Embedded().start(Request("against" + "0" * 25, cache=server_cache))
    yield server
    server.close()


@pytest.fixture(scope="module")
def layouts(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Layout]]:
    """The reference has three rows in ``t``, the head five; only the head has a column ``note``."""
    folder = tmp_path_factory.mktemp("seed")
    (folder / "old.sql").write_text("create table t as select generate_series(1, 3) i")
    (folder / "new.sql").write_text("create table t as select generate_series(1, 5) i, 'n' note")
    old, new = (Seed.of([f"{side}.sql"], folder) for side in ("old", "new"))
    there = attach(server, ensure(server, old).hash)
    assert there
    both = ensure(server, Seed((Relocate(), *new.steps), after=there.hash))
    names = {"both": both, "old": there, "new": ensure(server, new)}
    for name, template in names.items():
        clone(server, template, f"perfbudget_{name}")
    schemas = (SCHEMA, "public")
    yield {
        "one": OneConnection(server, "perfbudget_both", "one", schemas),
        "two": (two := TwoDatabases(server, "perfbudget_old", "perfbudget_new", "two")),
        "pinned": Pinned(two, "pinned"),
    }
    for name in names:
        drop(server, f"perfbudget_{name}")


linux = pytest.mark.skipif(sys.platform != "linux", reason="processes are kept on a processor on Linux")


@pytest.mark.parametrize("name", ["one", "two", pytest.param("pinned", marks=linux)])
def test_each_side_finds_its_own_tables(layouts: dict[str, Layout], name: str) -> None:
    with layouts[name].connect() as (old, new):
        for _ in range(WARM_UP):  # prepared meanwhile
            old.executing(COUNT)()
            new.executing(COUNT)()
            counted = [end.connection.execute("select count(*) from t").fetchone() for end in (new,)]
            assert counted == [(5,)]
            old.executing(COUNT)()
            assert old.connection.execute("select count(*) from t").fetchone() == (3,)


@linux
def test_both_backends_and_the_client_are_on_one_processor_meanwhile(layouts: dict[str, Layout]) -> None:
    before = os.sched_getaffinity(0)
    apart = layouts["two"]
    assert isinstance(apart, TwoDatabases)
    layout, why = pinned(apart, "here")
    assert (layout, why) == (Pinned(apart, "here"), "")
    assert layout
    with layout.connect() as ends:
        threads = [0, *(end.connection.info.backend_pid for end in ends)]
        (chosen,) = os.sched_getaffinity(0)
        assert [os.sched_getaffinity(one) for one in threads] == [{chosen}] * 3
    assert os.sched_getaffinity(0) == before


def test_what_cannot_be_pinned_has_a_reason(
    layouts: dict[str, Layout], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    apart = layouts["two"]
    assert isinstance(apart, TwoDatabases)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "platform", "darwin")
        layout, why = pinned(apart, "here")
        assert layout is None
        assert why.endswith("on Linux, not on darwin")
    server.admin.execute("alter database perfbudget_new set max_parallel_workers_per_gather = 2")
    try:
        assert pinned(apart, "here") == (None, "a statement may have parallel workers, which are on other processors")
    finally:
        server.admin.execute("alter database perfbudget_new reset max_parallel_workers_per_gather")
    layout, why = pinned(TwoDatabases(server, "perfbudget_old", "perfbudget_gone", "two"), "here")
    assert layout is None
    assert "perfbudget_gone" in why


def test_rounds_keep_their_seconds_and_the_null_pair_runs_along(layouts: dict[str, Layout]) -> None:
    sides = Sides(COUNT, COUNT)
    with connected(layouts["one"], {"a": sides}) as found:
        for number in range(WARM_UP):
            turn(found.pairs["a"], number)
            assert min(turn(found.control, number)) > 0
    assert [len(taken) for taken in sides.taken] == [WARM_UP, WARM_UP]
    assert sides.counted == ([], [])
    assert sides.p50 == tuple(map(median, sides.taken))
    for seconds in ((0.1, 0.4), (0.2, 0.5), (0.3, 0.6)):
        found.counted("a", seconds)
    assert sides.p50 == (0.2, 0.5)
    assert len(found.references) >= 2


def test_a_write_is_rolled_back_on_either_side(layouts: dict[str, Layout]) -> None:
    insert = Statement("insert into t (i) values ($1)", (b"9",), (23,), (0,))
    with connected(layouts["one"], {"a": Sides(insert, insert, writes=True)}) as found:
        for number in range(WARM_UP):
            turn(found.pairs["a"], number)
    test_each_side_finds_its_own_tables(layouts, "one")


def test_what_one_side_cannot_execute_is_said_before_anything_is_timed(layouts: dict[str, Layout]) -> None:
    note = Statement("select note from t")
    why = refused(layouts["one"], {"a": Sides(note, note), "b": Sides(COUNT, note)}, ("at main", "here"))
    assert why == {"a": 'it could not be executed again at main: column "note" does not exist'}


@pytest.mark.parametrize(
    ("seed", "stays"),
    [
        ("create extension pg_trgm", "the extension pg_trgm"),
        ("create schema app", "the schema app"),
        (
            "create table x (i int); create function f() returns bigint language plpgsql as "
            "'begin return (select count(*) from public.x); end'",
            "the function f, which names its schema",
        ),
    ],
)
def test_what_cannot_be_moved_is_named(server: Server, tmp_path: Path, seed: str, stays: str) -> None:
    (tmp_path / "seed.sql").write_text(seed)
    reference = ensure(server, Seed.of(["seed.sql"], tmp_path))
    moved = Seed((Relocate(),), after=reference.hash)
    with pytest.raises(Exception, match=f"{stays} cannot be moved into another schema"):
        ensure(server, moved)
    names = [name for (name,) in server.admin.execute("select datname from pg_database")]
    assert any(reference.hash[:12] in name for name in names)
    assert not any(moved.hash("")[:12] in name for name in names)


def test_a_view_an_identity_and_a_foreign_key_move_with_their_tables(server: Server, tmp_path: Path) -> None:
    (tmp_path / "seed.sql").write_text(
        "create table a (id int generated always as identity primary key); "
        "create table b (a int references a default 1); create view v as select id from a; insert into a default values"
    )
    seed = Seed.of(["seed.sql"], tmp_path)
    reference = ensure(server, seed)
    both = clone(server, ensure(server, Seed((Relocate(), *seed.steps), after=reference.hash)), "perfbudget_moved")
    with server.connect(both.name) as connection:
        connection.execute(f"set search_path = {SCHEMA}")
        connection.execute("insert into a default values; insert into b default values")
        assert connection.execute("select count(*) from v").fetchone() == (2,)
        connection.execute("set search_path = public")
        assert connection.execute("select count(*) from v").fetchone() == (1,)
        with pytest.raises(psycopg.errors.DuplicateTable):
            connection.execute("create table a (i int)")
    drop(server, both.name)


def test_a_template_that_is_gone_is_none(server: Server) -> None:
    assert attach(server, "f" * 64) is None


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (Statement("select * from public.t"), "a statement names the schema public"),
        (Statement('select * from "public".t'), "a statement names the schema public"),
        (Statement("select $1", (b"x",), (16384,), (0,)), "a parameter is of a type that the seed makes"),
        (Statement("select publication from t where i = $1", (b"1",), (23,), (0,)), ""),
    ],
)
def test_a_statement_that_does_not_follow_search_path(one: Statement, why: str) -> None:
    assert bound_to_a_schema(Sides(COUNT, one)) == bound_to_a_schema(Sides(one, COUNT)) == why
