"""The standby of a server of ours: it follows, it is shared, and it goes with the run however that ends."""

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
from pytest_perfbudget.postgres import Request, Server, replica
from pytest_perfbudget.postgres.clones import clone, drop
from pytest_perfbudget.postgres.dsn import Dsn
from pytest_perfbudget.postgres.programs import SOCKET
from pytest_perfbudget.postgres.replica import Replica
from pytest_perfbudget.postgres.seed import Seed
from pytest_perfbudget.postgres.templates import ensure
from pytest_perfbudget.processes import run_folder
from pytest_perfbudget.processes.unprivileged import server_user


@pytest.fixture(scope="module")
def standby(server: Server, cache: Path) -> Iterator[Replica]:
    found = replica.start(server, Request(run=server.run, cache=str(cache)))
    yield found
    found.close()


def test_a_clone_is_there_under_the_same_name_and_read_only(server: Server, standby: Replica, tmp_path: Path) -> None:
    (tmp_path / "seed.sql").write_text("create table t as select 1 as id")
    made = clone(server, ensure(server, Seed.of(["seed.sql"], tmp_path)), "perfbudget_on_both")
    assert standby.lag() < 30
    with psycopg.connect(standby.dsn(made.name)) as reader:
        assert reader.execute("select id from t").fetchall() == [(1,)]
        assert reader.execute("show max_parallel_workers_per_gather").fetchone() == ("0",)
        assert reader.info.parameter_status("in_hot_standby") == "on"
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            reader.execute("insert into t values (2)")
    drop(server, made.name)
    standby.lag()
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(standby.dsn(made.name))


def test_what_was_written_is_there_once_the_lag_has_been_waited_for(server: Server, standby: Replica) -> None:
    server.admin.execute("create table if not exists written (id int)")
    with psycopg.connect(standby.dsn("postgres"), autocommit=True) as reader:
        for number in range(20):
            server.admin.execute("insert into written values (%s)", [number])
            standby.lag()
            assert reader.execute("select count(*) from written").fetchone() == (number + 1,)
    server.admin.execute("drop table written")


def test_a_standby_that_is_held_up_is_an_error_with_its_cause(server: Server, standby: Replica) -> None:
    server.admin.execute("create table held (id int)")
    standby.lag()
    with psycopg.connect(standby.dsn("postgres")) as reader:
        reader.execute("select * from held")
        server.admin.execute("drop table held")
        with pytest.raises(ServerError, match=r"within 0\.2 s"):
            standby.lag(0.2)
    standby.lag()


def test_processes_of_a_run_share_one(server: Server, standby: Replica, cache: Path) -> None:
    other = replica.start(server, Request(run=server.run, worker="gw1", cache=str(cache)))
    assert other.dsn("postgres") == standby.dsn("postgres")
    other.close()
    assert standby.lag() < 30


def test_it_ends_with_its_last_user_and_leaves_nothing_on_the_primary(cache: Path) -> None:
    primary = start(cache=str(cache))
    found = replica.start(primary, Request(run=primary.run, cache=str(cache)))
    folder = found.server.folder.path
    assert (folder / "data" / "standby.signal").exists()
    found.close()
    assert not folder.exists()
    deadline = time.monotonic() + 10
    while primary.admin.execute("select from pg_replication_slots").fetchall() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert primary.admin.execute("select from pg_replication_slots").fetchall() == []
    primary.close()


def test_of_somebody_elses_server_none_is_made(server: Server) -> None:
    used = Dsn().start(Request(run="r", server=server.dsn("postgres")))
    with pytest.raises(ServerError, match="of kind dsn"):
        replica.start(used, Request(run="r"))
    used.close()


USER = """
import sys
from pytest_perfbudget.postgres import Request, replica
from pytest_perfbudget.postgres.embedded import Embedded
request = Request(run=sys.argv[1], cache=sys.argv[2])
server = Embedded().start(request)
print("primary", flush=True)
found = replica.start(server, request)
print("standby", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("moment", ["primary", "standby"])
def test_killed_nothing_stays(cache: Path, moment: str) -> None:
    """At ``primary`` the copy is about to begin, or being made."""
    run = uuid.uuid4().hex
    command = [sys.executable, "-c", USER, run, str(cache)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    folders = [run_folder.plan(run, server_user(), SOCKET, kind).path for kind in ("", "-s")]
    assert process.stdout
    while process.stdout.readline().strip() != moment:
        assert process.poll() is None
    if moment == "primary":
        deadline = time.monotonic() + 20
        while not (folders[1] / "data").exists() and time.monotonic() < deadline:
            time.sleep(0.001)
        assert (folders[1] / "data").exists()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    deadline = time.monotonic() + 40
    while (any(map(Path.exists, folders)) or _naming(folders)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert [folder for folder in folders if folder.exists()] == []
    assert _naming(folders) == []


def _naming(folders: list[Path]) -> list[str]:
    """The processes whose command line names one of the folders."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes()
        except OSError:
            continue
        if any(os.fsencode(folder) in line for folder in folders):
            found.append(entry.parent.name)
    return found
