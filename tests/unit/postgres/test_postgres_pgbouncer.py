"""PgBouncer for real, where the program is installed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from pytest_perfbudget.errors import ServerError
from pytest_perfbudget.postgres import pgbouncer
from pytest_perfbudget.postgres.pgbouncer import MISSING, PgBouncer, program
from pytest_perfbudget.postgres.server import Server

installed = pytest.mark.skipif(program() is None, reason=MISSING)


@pytest.fixture(scope="module")
def dsn(server: Server) -> str:
    server.admin.execute('CREATE DATABASE "behind a bouncer"')
    return server.dsn("behind a bouncer")


@installed
def test_many_clients_over_few_connections(dsn: str) -> None:
    with PgBouncer(dsn, connections=2) as bouncer:
        clients = [psycopg.connect(bouncer.dsn, autocommit=True) for _ in range(20)]
        pids = {client.execute("SELECT pg_backend_pid()").fetchone() for client in clients for _ in range(3)}
        assert clients[0].info.dbname == "behind a bouncer"
        modes = {pool["database"]: pool["pool_mode"] for pool in bouncer.show("POOLS")}
        assert modes["behind a bouncer"] == "transaction"
        for client in clients:
            client.close()
        folder = bouncer._folder
    assert len(pids) <= 2
    assert not folder.exists()


@installed
def test_settings_reach_it(dsn: str) -> None:
    with PgBouncer(dsn, settings={"pool_mode": "session"}) as bouncer:
        modes = {row["key"]: row["value"] for row in bouncer.show("CONFIG")}
        assert modes["pool_mode"] == "session"


@installed
def test_one_that_does_not_start_shows_its_log(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pgbouncer, "_START", 0.5)
    with pytest.raises(ServerError) as caught, PgBouncer(dsn, settings={"pool_mode": "sometimes"}):
        pass
    assert "pool_mode" in str(caught.value)


@installed
def test_a_killed_run_leaves_none_behind(dsn: str) -> None:
    code = (
        "import sys, time; from pytest_perfbudget.postgres.pgbouncer import PgBouncer; "
        "b = PgBouncer(sys.argv[1]).__enter__(); print(b._folder, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, dsn], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().strip())
        assert (folder / "pgbouncer.ini").exists()
        os.kill(process.pid, signal.SIGKILL)
    end = time.monotonic() + 20
    while folder.exists():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_without_the_program_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pgbouncer, "program", lambda: None)
    with pytest.raises(ServerError, match="apt-get install pgbouncer"), PgBouncer("dbname=x"):
        pass
