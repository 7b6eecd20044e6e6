"""CPU time and memory of real backends, against what they were made to use."""

from __future__ import annotations

import os
import sys

import psycopg
import pytest

from pytest_perfbudget.errors import DisturbedError
from pytest_perfbudget.postgres.backends import cpu_clock, memory
from pytest_perfbudget.postgres.server import Server

linux = pytest.mark.skipif(sys.platform != "linux", reason="read from /proc, on Linux")


def connect(server: Server) -> psycopg.Connection:
    return psycopg.connect(server.dsn("postgres"), autocommit=True)


@linux
def test_cpu_time_is_that_of_one_backend(server: Server) -> None:
    with connect(server) as busy, connect(server) as idle:
        clocks = [cpu_clock(one.info.backend_pid, "postgres") for one in (busy, idle)]
        before = [clock() for clock in clocks]
        busy.execute("SELECT count(*) FROM generate_series(1, 1000000)")
        busy.execute("SELECT pg_sleep(0.05)")
        spent, spared = (clock() - one for clock, one in zip(clocks, before, strict=True))
        assert spent > 0.01
        assert spared < spent / 10


@linux
def test_memory_is_that_of_the_databases_backends(server: Server) -> None:
    admin = server.admin.info
    server.admin.execute("DROP DATABASE IF EXISTS memory_of_it")
    server.admin.execute("CREATE DATABASE memory_of_it")
    look = memory(admin.backend_pid, admin.dbname, "memory_of_it")
    assert look() == 0
    with psycopg.connect(server.dsn("memory_of_it"), autocommit=True) as one:
        idle = look()
        assert 0 < idle < 30 << 20
        one.execute("SET work_mem = '256MB'")
        cursor = "DECLARE c CURSOR FOR SELECT n, repeat('x', 100) t FROM generate_series(1, 200000) n ORDER BY t, n"
        one.execute(f"BEGIN; {cursor}; FETCH 1 FROM c")
        assert look() > idle + (16 << 20)
    server.admin.execute("DROP DATABASE memory_of_it WITH (FORCE)")


@linux
def test_parallel_workers_count_with_their_leader(server: Server) -> None:
    from pytest_perfbudget.postgres import backends

    pid = server.admin.info.backend_pid
    titles = {
        1: b"postgres: me shop [local] SELECT",
        2: b"postgres: parallel worker for PID 1 ",
        3: b"postgres: parallel worker for PID 4 ",
        4: b"postgres: me other [local] idle",
        5: b"vim shop ",
    }

    class Children:
        def read_text(self) -> str:
            return " ".join(map(str, titles))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backends, "_title", lambda pid: titles.get(pid, b""))
        assert list(backends._serving(Children(), b" shop ")) == [1, 2]
    assert backends._title(pid).startswith(b"postgres:")


def test_a_process_that_is_no_backend_of_the_database_is_not_taken_for_one() -> None:
    for read in (cpu_clock, lambda pid, database: memory(pid, database, "other")):
        with pytest.raises(DisturbedError, match="processes"):
            read(os.getpid(), "postgres")


def test_another_platform_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(DisturbedError, match="on Linux, not on darwin"):
        cpu_clock(1, "postgres")
