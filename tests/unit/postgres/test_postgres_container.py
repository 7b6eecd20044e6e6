"""PostgreSQL in real containers; where no engine is to be had, only the words that say so."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from machine import needs_image
from psycopg.conninfo import make_conninfo

from pytest_perfbudget.errors import ServerError
from pytest_perfbudget.postgres import Request, pgbouncer
from pytest_perfbudget.postgres.clones import clone
from pytest_perfbudget.postgres.container import Container
from pytest_perfbudget.postgres.pgbouncer import PgBouncer
from pytest_perfbudget.postgres.profile import DETERMINISTIC, Profile, Setting
from pytest_perfbudget.postgres.seed import Seed
from pytest_perfbudget.postgres.server import Container as Made
from pytest_perfbudget.postgres.templates import ensure
from pytest_perfbudget.postgres.tls import AUTHORITY, certificate
from pytest_perfbudget.processes import engine, locks

USER = """
import sys, time
from pytest_perfbudget.postgres import Request
from pytest_perfbudget.postgres.container import Container
server = Container().start(Request(run=sys.argv[1], worker=sys.argv[2], server="container", major=18))
print(*server.admin.execute("select pg_postmaster_start_time()").fetchone(), flush=True)
"""
ENDINGS = {"close": "sys.stdin.readline(); server.close()", "exit": "sys.stdin.readline()", "signal": "time.sleep(60)"}


BROKEN = Profile("broken", (Setting("no_such_setting", "1", "it stops the server"),))


def asked(major: int = 18, run: str = "", **made: object) -> Request:
    run = run or uuid.uuid4().hex
    return Request(run, server="container", major=major, container=Made(**made))  # type: ignore[arg-type]


def containers_of(run: str) -> list[str]:
    import docker

    found = docker.from_env(environment={**os.environ, "DOCKER_HOST": engine.host()}).containers.list(all=True)
    return [one.id for one in found if run[:12] in one.labels.get("pytest-perfbudget.folder", "")]


def gone(run: str, seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while not (free := not containers_of(run) and not list(Path("/tmp").glob(f"perfbudget-{run[:12]}*"))):
        if time.monotonic() > deadline:
            break
        time.sleep(0.05)
    return free


class User:
    """A process that uses the container of a run."""

    def __init__(self, ending: str, run: str, worker: str = "main") -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", USER + ENDINGS[ending], run, worker],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env={**os.environ, "TMPDIR": "/tmp"},
        )  # fmt: skip

    def ready(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def end(self, how: int | None = None) -> None:
        if how is not None:
            self.process.send_signal(how)
        self.process.communicate("\n")


@needs_image("postgres:18")
def test_a_container_serves_with_the_profile_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "seed.sql").write_text("CREATE TABLE t AS SELECT 1 AS i")
    request = asked()
    server = Container().start(request)
    try:
        made = clone(server, ensure(server, Seed.of(["seed.sql"], tmp_path)), "perfbudget_container")
        with server.connect(made.name) as connection:
            settings = dict(connection.execute("select name, setting from pg_settings").fetchall())
    finally:
        server.close()
    wanted = {s.name: s.value for s in DETERMINISTIC.of(18)}
    assert (server.kind, server.major, made.captures) == ("container", 18, True)
    assert {name: settings[name] for name in wanted} == wanted
    assert "@127.0.0.1:" in server.dsn("x")
    assert gone(request.run, 0)


@needs_image("postgres:15")
def test_a_container_with_a_certificate_of_its_own(tmp_path: Path) -> None:
    request = asked(15, tls=True)
    server = Container().start(request)
    try:
        used, dsn = server.tls, server.dsn("postgres")
        with psycopg.connect(dsn) as connection:
            assert connection.execute("select ssl from pg_stat_ssl where pid = pg_backend_pid()").fetchone() == (True,)
            assert connection.execute("select current_setting('data_directory')").fetchone() == ("/perfbudget/data",)
        other = tmp_path / "other.pem"
        other.write_text(certificate()[1][AUTHORITY])
        with pytest.raises(psycopg.OperationalError, match="certificate verify failed"):
            psycopg.connect(dsn, sslrootcert=str(other))
    finally:
        server.close()
    assert used.startswith("TLSv1.")
    assert "sslmode=verify-ca" in dsn
    assert gone(request.run, 0)


@needs_image("postgres:15")
@pytest.mark.skipif(pgbouncer.program() is None, reason=pgbouncer.MISSING)
@pytest.mark.parametrize("mode", ["verify-ca", "require"])
def test_pgbouncer_encrypts_as_the_dsn_says_and_knows_the_certificate(tmp_path: Path, mode: str) -> None:
    server = Container().start(asked(15, tls=True))
    other = tmp_path / "other.pem"
    other.write_text(certificate()[1][AUTHORITY])
    dsn = make_conninfo(server.dsn("postgres"), sslmode=mode)
    try:
        with PgBouncer(dsn) as bouncer, psycopg.connect(bouncer.dsn) as connection:
            assert connection.execute("select ssl from pg_stat_ssl where pid = pg_backend_pid()").fetchone() == (True,)
        settings = {"server_login_retry": "0.1", "query_wait_timeout": "1"}
        wrong = PgBouncer(make_conninfo(dsn, sslrootcert=str(other)), settings=settings)
        with wrong, pytest.raises(psycopg.OperationalError):
            psycopg.connect(wrong.dsn).execute("select 1")
    finally:
        server.close()


@needs_image("postgres:15")
def test_the_major_picks_the_image() -> None:
    server = Container().start(asked(15))
    server.close()
    assert server.major == 15


@needs_image("postgres:18")
def test_an_image_of_another_major_is_named_and_removed() -> None:
    request = asked(17, image="postgres:18")
    with pytest.raises(ServerError, match="postgres:18 is PostgreSQL 18, not 17"):
        Container().start(request)
    assert gone(request.run, 0)


@needs_image("postgres:18")
@pytest.mark.parametrize(
    ("ending", "how"),
    [("close", None), ("exit", None), ("signal", signal.SIGTERM), ("signal", signal.SIGKILL)],
)
def test_however_the_user_ends_the_container_is_removed(ending: str, how: int | None) -> None:
    run = uuid.uuid4().hex
    user = User(ending, run)
    assert user.ready()
    user.end(how)
    assert gone(run)


@needs_image("postgres:18")
def test_workers_of_a_run_share_one_container_until_the_last_has_gone() -> None:
    run = uuid.uuid4().hex
    workers = [User("exit", run, f"gw{number}") for number in range(4)]
    started = {worker.ready() for worker in workers}
    for worker in workers[:3]:
        worker.end(signal.SIGKILL)
    assert len(started) == 1
    assert len(containers_of(run)) == 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.tempdir", "/tmp")
        patch.setenv("DOCKER_HOST", "unix:///nowhere")
        assert Container().refusal(Request(run, major=18)) is None, "no worker goes another way, whatever it sees"
        assert Container().refusal(Request(uuid.uuid4().hex, major=18)) is not None
    workers[3].end()
    assert gone(run)


@needs_image("postgres:18")
def test_a_container_that_is_killed_is_noticed() -> None:
    import docker

    server = Container().start(asked())
    docker.from_env().containers.get(containers_of(server.run)[0]).kill()
    deadline = time.monotonic() + 20
    while server.share.lifeline.severed() is False and time.monotonic() < deadline:  # type: ignore[attr-defined]
        time.sleep(0.01)
    with pytest.raises(ServerError, match="container server of this run is gone"):
        server.connect()
    server.close()
    assert gone(server.run)


@needs_image("postgres:18")
def test_what_a_killed_tender_leaves_is_removed_by_the_next_run() -> None:
    run = uuid.uuid4().hex
    user = User("signal", run)
    user.ready()
    for pid in tenders(run):  # and their supervisors, which name them
        os.kill(pid, signal.SIGKILL)
    user.end(signal.SIGKILL)
    free = locks.lock(Path(f"/tmp/perfbudget-{run[:12]}-c/alive"), 20)
    assert free is not None
    os.close(free)
    assert containers_of(run)
    Container().start(asked()).close()
    assert gone(run)


def tenders(run: str) -> list[int]:
    found = subprocess.run(["pgrep", "-f", f"tender.py.*{run[:12]}"], capture_output=True, text=True, check=False)
    return [int(pid) for pid in found.stdout.split()]


@needs_image("postgres:18")
def test_a_container_that_is_kept_serves_later_runs_with_its_templates(tmp_path: Path) -> None:
    import docker

    (tmp_path / "seed.sql").write_text("CREATE TABLE t AS SELECT 1 AS i")
    seed = Seed.of(["seed.sql"], tmp_path)
    built, started = [], set()
    try:
        for _ in range(2):
            server = Container().start(replace(asked(reuse=True), cache=str(tmp_path / "cache")))
            started |= set(server.admin.execute("select pg_postmaster_start_time()").fetchall())
            built.append(ensure(server, seed).built)
            server.close()
    finally:
        folder = next((tmp_path / "cache").glob("container-*"))
        kept = docker.from_env().containers.list(all=True, filters={"label": f"pytest-perfbudget.kept={folder}"})
        for one in kept:
            one.remove(force=True, v=True)
    assert (len(kept), len(started), built) == (1, 1, [True, False])
    assert folder.stat().st_mode & 0o777 == 0o700, "the password is in it"


@needs_image("postgres:18")
def test_a_container_that_does_not_start_says_why() -> None:
    request = Request(uuid.uuid4().hex, server="container", major=18, profile=BROKEN)
    with pytest.raises(ServerError, match="container does not start") as caught:
        Container().start(request)
    assert "no_such_setting" in str(caught.value)
    assert "--perf-server=embedded" in str(caught.value)
    assert gone(request.run, 0)


@needs_image("postgres:18")
def test_a_container_to_be_kept_that_does_not_start_says_why_and_goes(tmp_path: Path) -> None:
    import docker

    request = replace(asked(reuse=True), cache=str(tmp_path / "cache"), profile=BROKEN)
    with pytest.raises(ServerError, match="container does not start") as caught:
        Container().start(request)
    assert "no_such_setting" in str(caught.value)
    (folder,) = (tmp_path / "cache").glob("container-*")
    filters = {"label": f"pytest-perfbudget.kept={folder}"}
    assert not docker.from_env().containers.list(all=True, filters=filters)


@needs_image("postgres:18")
def test_an_image_that_cannot_be_pulled_is_named() -> None:
    request = asked(image="localhost:1/no/such:image")
    assert Container().refusal(request) is None, "named by its kind it is pulled"
    with pytest.raises(ServerError, match="localhost:1/no/such:image is not here and cannot be pulled"):
        Container().start(request)
    refusal = Container().refusal(Request("r", server="auto", major=18, container=Made("localhost:1/no/such:image")))
    assert refusal is not None
    assert refusal.remedy == "docker pull localhost:1/no/such:image"


def test_an_engine_that_is_down_is_refused_with_its_address(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    refusal = Container().refusal(asked())
    assert refusal is not None
    assert f"no container engine at unix://{tmp_path}/none.sock (No such file or directory)" in refusal.reason


@pytest.fixture
def silent_engine(tmp_path: Path) -> Iterator[str]:
    """It accepts connections and never answers."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s"))
        listening.listen()
        yield f"unix://{tmp_path}/s"


def test_an_engine_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, silent_engine: str) -> None:
    monkeypatch.setenv("DOCKER_HOST", silent_engine)
    monkeypatch.setattr(engine, "_PATIENCE", 0.05)
    refusal = Container().refusal(asked())
    assert refusal is not None
    assert "timed out" in refusal.reason


def test_the_engine_of_docker_s_context_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import hashlib
    import json

    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / ".docker" / "contexts" / "meta" / hashlib.sha256(b"colima").hexdigest()
    folder.mkdir(parents=True)
    (folder / "meta.json").write_text(json.dumps({"Endpoints": {"docker": {"Host": "unix:///there.sock"}}}))
    (tmp_path / ".docker" / "config.json").write_text('{"currentContext": "colima"}')
    assert engine.host() == "unix:///there.sock"
    monkeypatch.setenv("DOCKER_HOST", "tcp://elsewhere:2375")
    assert engine.host() == "tcp://elsewhere:2375"


def test_an_engine_by_tcp_is_asked_too(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"HTTP/1.0 404 Not Found\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{listening.getsockname()[1]}")
        refusal = Container().refusal(Request("r", server="auto", major=18))
        thread.join()
    assert refusal is not None
    assert refusal.reason == "the image postgres:18 is not here"


def test_without_testcontainers_the_command_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "find_spec", lambda name: None)
    refusal = Container().refusal(asked())
    assert refusal is not None
    assert "pip install 'pytest-perfbudget[containers]'" in refusal.remedy
