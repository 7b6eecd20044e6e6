"""``perfbudget seed``: what is kept, in the cache and on a server, and that nothing in use is dropped."""

from __future__ import annotations

import argparse
import re
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from machine import FOLDERS
from shell import perfbudget

from pytest_perfbudget.cli import seed
from pytest_perfbudget.postgres import Request, Server
from pytest_perfbudget.postgres.embedded import Embedded
from pytest_perfbudget.postgres.local import Local
from pytest_perfbudget.postgres.seed import Seed
from pytest_perfbudget.postgres.spares import Spares
from pytest_perfbudget.postgres.templates import Template, ensure


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Of this test alone; not below pytest's own folder, which only its owner can pass through."""
    folder = Path(tempfile.mkdtemp(prefix="pb-seed-"))
    folder.chmod(0o755)
    monkeypatch.setenv("PERFBUDGET_CACHE", str(folder))
    yield folder
    shutil.rmtree(folder)


def start(cache: Path) -> Server:
    return Embedded().start(Request(run=uuid.uuid4().hex, cache=str(cache)))


def seeded(server: Server, folder: Path, name: str) -> Template:
    (folder / name).write_text(f"create table t as select '{name}' as word")
    return ensure(server, Seed.of([name], folder))


def listed(*words: str) -> dict[str, str]:
    done = perfbudget("seed", *words)
    assert done.returncode == 0, done.stderr
    return {line.split()[0]: line for line in done.stdout.splitlines() if line.startswith("perfbudget_")}


def test_what_is_kept_is_listed_and_dropped_by_name_by_hash_and_all(cache: Path, tmp_path: Path) -> None:
    server = start(cache)
    one, two, three = (seeded(server, tmp_path, f"{name}.sql") for name in ("one", "two", "three"))
    spares = Spares(server, three)
    spares.close(spares.first("perfbudget_run"))
    server.close()
    found = listed()
    assert {one.name, two.name, three.name} <= found.keys()
    assert re.search(
        r"template  one\.sql +[\d.]+ MB +\d{4}-\d\d-\d\d \d\d:\d\d +embedded-[\d.]+/slot-0$", found[one.name]
    )
    (spare,) = found.keys() - {one.name, two.name, three.name}
    assert "spare     three.sql" in found[spare]
    assert perfbudget("seed", "--drop", one.name).returncode == 0
    assert listed("--list").keys() == {two.name, three.name, spare}
    assert perfbudget("seed", "--drop", three.hash[:6]).returncode == 0
    assert listed().keys() == {two.name}
    assert perfbudget("seed", "--drop", "all").returncode == 0
    assert listed() == {}


NO_LOCAL = str(Local().refusal(Request("r", local=FOLDERS)) or "")


@pytest.mark.skipif(bool(NO_LOCAL), reason=NO_LOCAL)
def test_clusters_of_the_programs_of_the_machine_are_looked_into_too(cache: Path, tmp_path: Path) -> None:
    server = Local().start(Request(run=uuid.uuid4().hex, cache=str(cache), local=FOLDERS))
    template = seeded(server, tmp_path, "one.sql")
    server.close()
    assert "  local-" in listed()[template.name]
    assert perfbudget("seed", "--drop", "all").returncode == 0
    assert listed() == {}


def test_what_a_run_has_in_use_is_seen_and_stays(cache: Path, tmp_path: Path) -> None:
    before = start(cache)
    unused = seeded(before, tmp_path, "unused.sql")
    before.close()
    server = start(cache)
    used = seeded(server, tmp_path, "used.sql")
    found = listed()
    done = perfbudget("seed", "--drop", "all")
    left = {name for (name,) in server.admin.execute("select datname from pg_database")}
    clone = Spares(server, used).first("perfbudget_after")
    server.close()
    assert found[used.name].endswith("slot-0: in use")
    assert found[unused.name].endswith("slot-0")
    assert done.returncode == 1
    assert re.search(rf"{unused.name}.*slot-0: dropped", done.stdout)
    assert re.search(rf"{used.name}.*slot-0: in use", done.stdout)
    assert used.name in left
    assert unused.name not in left
    assert clone.name == "perfbudget_after"


def test_on_a_server_only_what_carries_our_marker(cache: Path, tmp_path: Path) -> None:
    before = start(cache)
    template = seeded(before, tmp_path, "one.sql")
    before.close()
    server = start(cache)
    server.admin.execute("create database perfbudget_t_precious")
    dsn = server.dsn("postgres")
    assert listed("--dsn", dsn).keys() == {template.name}
    assert perfbudget("seed", "--dsn", dsn, "--drop", "all").returncode == 0
    left = {name for (name,) in server.admin.execute("select datname from pg_database")}
    server.close()
    assert template.name not in left
    assert "perfbudget_t_precious" in left


def test_a_cluster_that_cannot_be_looked_into_is_named(cache: Path, tmp_path: Path) -> None:
    server = start(cache)
    seeded(server, tmp_path, "one.sql")
    server.close()
    (home,) = cache.glob("embedded-*")
    (home / "slot-0" / "data" / "PG_VERSION").write_text("17\n")
    assert f"{home.name}/slot-0: was not shut down cleanly" in perfbudget("seed").stdout
    home.rename(cache / "embedded-17.0")
    assert "embedded-17.0/slot-0: its programs are not installed here" in perfbudget("seed").stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--drop", "perfbudget_t_nothing"], "there is nothing of that name"),
        (["--drop", "all", "--list"], "give one of them"),
        (["--dsn", "postgresql://me:secret@127.0.0.1:1/x"], "refuses"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_code_2(cache: Path, words: list[str], said: str) -> None:
    done = perfbudget("seed", *words)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr
    assert "secret" not in done.stderr


def test_a_server_that_is_stopped_meanwhile_is_named(
    cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server = start(cache)
    gone = psycopg.connect(server.dsn("postgres"))
    gone.close()
    server.close()
    monkeypatch.setattr(seed, "_servers", lambda dsn: [("embedded/slot-0", gone, "")])
    assert seed.run(argparse.Namespace(list=False, drop=None, dsn=None)) == 0
    assert "embedded/slot-0: its last run stopped it meanwhile; try again" in capsys.readouterr().out


def test_an_empty_cache_keeps_nothing(cache: Path) -> None:
    assert perfbudget("seed").stdout == "nothing is kept\n"
