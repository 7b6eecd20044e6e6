from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from threading import Event

import psycopg
import pytest
from conftest import start

from pytest_perfbudget.postgres import Server, markers
from pytest_perfbudget.postgres.background import undisturbed
from pytest_perfbudget.postgres.clones import Clone, drop
from pytest_perfbudget.postgres.seed import Seed
from pytest_perfbudget.postgres.spares import Spares
from pytest_perfbudget.postgres.templates import Template, ensure

Cloned = Callable[[str], Clone]
Supply = Callable[[Clone], Spares]
END_ALL = """
select pg_terminate_backend(pid, 5000) from pg_stat_activity
where pid <> pg_backend_pid() and backend_type = 'client backend'"""
SEED = "create table t as select 1 as id"


@pytest.fixture
def supply(server: Server) -> Iterator[Supply]:
    """The spares behind a clone; what they hold is dropped."""
    made: list[tuple[Spares, Clone]] = []

    def make(used: Clone) -> Spares:
        made.append((Spares(server, used.template), used))
        return made[-1][0]

    yield make
    for spares, used in made:
        spares.close(used)
    for name in oids(server):
        if name.startswith("perfbudget_s_"):
            drop(server, name)


def template(server: Server, folder: Path, sql: str = SEED) -> tuple[Seed, Template]:
    (folder / "seed.sql").write_text(sql)
    seed = Seed.of(["seed.sql"], folder)
    return seed, ensure(server, seed)


def oids(server: Server) -> dict[str, int]:
    return dict(server.admin.execute("select datname, oid from pg_database").fetchall())


def spare_oids(server: Server) -> set[int]:
    return {oid for name, oid in oids(server).items() if name.startswith("perfbudget_s_")}


def write(server: Server, name: str) -> None:
    with psycopg.connect(server.dsn(name), autocommit=True) as connection:
        connection.execute("insert into t values (2)")


def until(condition: Callable[[], object]) -> None:
    """Wait for what another thread is about to do."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_clone_nobody_wrote_to_is_used_again(server: Server, cloned: Cloned, supply: Supply) -> None:
    used = cloned("create table t as select 1 as id")
    reader = psycopg.connect(server.dsn(used.name))
    reader.execute("select * from t")
    assert supply(used).renew(used) is used
    with pytest.raises(psycopg.OperationalError):
        reader.execute("select 1")


@pytest.mark.parametrize(
    "write",
    [
        "insert into t values (2)",
        "update t set id = 3",
        "begin; insert into t values (2); rollback",
        "create table another ()",
        "truncate t",
        "select nextval('s')",
        "select setval('s', 1, false)",
        "alter database perfbudget_test_0 set work_mem = '1MB'",
        "select pg_stat_reset()",
    ],
)
def test_a_clone_that_was_written_to_is_replaced(server: Server, cloned: Cloned, supply: Supply, write: str) -> None:
    used = cloned("create table t as select 1 as id; create sequence s; select nextval('s')")
    with psycopg.connect(server.dsn(used.name), autocommit=True) as connection:
        connection.execute(write)
    again = supply(used).renew(used)
    assert again is not used
    with server.connect(again.name) as connection:
        assert connection.execute("select array_agg(id) from t").fetchone() == ([1],)
        assert connection.execute("select last_value, is_called from s").fetchone() == (1, True)


def test_after_a_test_that_wrote_the_next_clone_is_made_ahead(server: Server, cloned: Cloned, supply: Supply) -> None:
    used = cloned(SEED)
    spares = supply(used)
    write(server, used.name)
    again = spares.renew(used)
    until(lambda: spare_oids(server))
    (ahead,) = spare_oids(server)
    write(server, again.name)
    spares.renew(again)
    assert oids(server)[used.name] == ahead
    with server.connect(used.name) as connection:
        assert connection.execute("select array_agg(id) from t").fetchone() == ([1],)
    with psycopg.connect(server.dsn(used.name)) as connection:
        assert connection.execute("show auto_explain.log_analyze").fetchone() == ("on",)


def test_the_next_clone_does_not_wait_for_the_drop_of_the_last(
    server: Server, cloned: Cloned, supply: Supply, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = cloned(SEED)
    spares = supply(used)
    write(server, used.name)
    used = spares.renew(used)
    until(lambda: spare_oids(server))
    original, dropped, may_drop = markers.drop, [], Event()

    def late(admin: psycopg.Connection, name: str) -> bool:
        dropped.append((name, may_drop.wait(60)))
        return original(admin, name)

    monkeypatch.setattr(markers, "drop", late)
    before = spare_oids(server)
    write(server, used.name)
    spares.renew(used)
    until(lambda: len(spare_oids(server) - before - {oids(server)[used.name]}) == 2)  # the worn one and the next
    may_drop.set()
    until(lambda: len(spare_oids(server)) == 1)
    assert [done for _, done in dropped] == [True]


def test_no_clone_is_made_ahead_of_tests_that_only_read(server: Server, cloned: Cloned) -> None:
    used = cloned(SEED)
    spares = Spares(server, used.template)
    assert spares.renew(spares.renew(used)) is used
    spares.close(used)
    (kept,) = (name for name in oids(server) if name.startswith("perfbudget_s_"))  # the clone itself
    drop(server, kept)


def test_nothing_is_cloned_ahead_while_a_latency_is_sampled(server: Server, cloned: Cloned, supply: Supply) -> None:
    waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
    used = cloned(SEED)
    spares = supply(used)
    write(server, used.name)
    with undisturbed(server):
        spares.renew(used)
        until(lambda: server.admin.execute(waiting).fetchone() == (1,))
        assert not spare_oids(server)
    until(lambda: spare_oids(server))


def test_another_process_does_not_clone_its_first_database_meanwhile(
    server: Server, cache: Path, cloned: Cloned
) -> None:
    waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
    used = cloned(SEED)
    with closing(start(run=server.run, cache=str(cache), worker="gw1")) as other, ThreadPoolExecutor(1) as thread:
        spares = Spares(other, used.template)
        with undisturbed(server):
            first = thread.submit(spares.first, "perfbudget_other")
            until(lambda: server.admin.execute(waiting).fetchone() == (1,))
            assert "perfbudget_other" not in oids(server)
        assert first.result(60).name in oids(server)
        spares.close(first.result(), keep=False)


def test_whoever_wants_the_next_clone_meanwhile_does_not_wait_for_the_spare(
    server: Server, cloned: Cloned, supply: Supply, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytest_perfbudget.postgres.background._PATIENT", "set lock_timeout = '10ms'")
    used = cloned(SEED)
    spares = supply(used)
    with undisturbed(server):
        for _ in range(2):
            write(server, used.name)
            used = spares.renew(used)
        with server.connect(used.name) as connection:
            assert connection.execute("select id from t").fetchall() == [(1,)]


@pytest.mark.parametrize("written", [False, True], ids=["read", "written"])
def test_the_next_run_begins_with_the_spare_of_the_last(cache: Path, tmp_path: Path, written: bool) -> None:
    first = start(cache=str(cache))
    _, seeded = template(first, tmp_path)
    spares = Spares(first, seeded)
    used = spares.first("perfbudget_mine")
    if written:
        write(first, used.name)
        used = spares.renew(used)
        until(lambda: spare_oids(first))
        write(first, used.name)
    before = oids(first)
    spares.close(used)
    (kept,) = spare_oids(first)
    first.close()
    assert (before["perfbudget_mine"] == kept) is not written
    second = start(cache=str(cache))
    spares = Spares(second, ensure(second, Seed.of(["seed.sql"], tmp_path)))
    mine = spares.first("perfbudget_next")
    assert oids(second)["perfbudget_next"] == kept
    with second.connect(mine.name) as connection:
        assert connection.execute("select array_agg(id) from t").fetchone() == ([1],)
    spares.close(mine)
    second.close()


def test_a_spare_that_is_gone_or_in_use_is_done_without(server: Server, cloned: Cloned, supply: Supply) -> None:
    used = cloned(SEED)
    spares = supply(used)
    write(server, used.name)
    used = spares.renew(used)
    until(lambda: spare_oids(server))
    drop(server, next(name for name in oids(server) if name.startswith("perfbudget_s_")))
    write(server, used.name)
    again = spares.renew(used)
    with server.connect(again.name) as connection:
        assert connection.execute("select array_agg(id) from t").fetchone() == ([1],)


def test_a_template_built_anew_leaves_no_spare_of_the_old_one(server: Server, tmp_path: Path) -> None:
    seed, seeded = template(server, tmp_path, "create table again as select 1 as id")
    spares = Spares(server, seeded)
    spares.close(spares.first("perfbudget_mine"))
    (kept,) = spare_oids(server)
    server.admin.execute("select pg_advisory_unlock_all()")  # this process used it itself
    later = replace(server, run="later")  # type: ignore[type-var]
    assert ensure(later, seed, anew=True).built
    assert kept not in oids(server).values()


def test_only_spares_of_the_latest_template_stay(server: Server, tmp_path: Path) -> None:
    for number in range(2):
        _, seeded = template(server, tmp_path, f"create table t{number} as select 1 as id")
        spares = Spares(server, seeded)
        spares.close(spares.first("perfbudget_mine"))
        assert len(spare_oids(server)) == 1


def test_what_a_crash_left_unmarked_goes_and_spares_stay(cache: Path, tmp_path: Path) -> None:
    first = start(cache=str(cache))
    spares = Spares(first, template(first, tmp_path)[1])
    spares.close(spares.first("perfbudget_mine"))
    (kept,) = spare_oids(first)
    first.admin.execute("create database perfbudget_s_unfinished")
    first.close()
    second = start(cache=str(cache))
    assert spare_oids(second) == {kept}
    second.close()


def test_sessions_of_ours_that_a_test_ends_are_made_anew(cache: Path, tmp_path: Path) -> None:
    server = start(cache=str(cache))
    try:
        spares = Spares(server, template(server, tmp_path)[1])
        used = spares.first("perfbudget_mine")
        for _ in range(2):
            write(server, used.name)
            used = spares.renew(used)
            until(lambda: spare_oids(server))
            with server.connect() as other:
                other.execute(END_ALL)
        spares.close(used)
    finally:
        server.close()
