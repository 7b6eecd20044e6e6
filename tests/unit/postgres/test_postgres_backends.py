"""CPU time and memory of real backends, against what they were made to use."""

from __future__ import annotations

import gc
import os
import sys
import time
import warnings
from pathlib import Path

import psycopg
import pytest

from pytest_perfbudget.errors import DisturbedError
from pytest_perfbudget.measure.unhindered import Unhindered
from pytest_perfbudget.model.resources import Scheduled
from pytest_perfbudget.postgres import backends
from pytest_perfbudget.postgres.backends import cpu_clock, memory, scheduled
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


ROUNDING = 1e-6
"""Seconds: sums of nanoseconds, as floats, in one order or another."""


def delays(*processes: object) -> float:
    """Seconds waited, as the kernel tells them in nanoseconds."""
    return sum(int(Path(f"/proc/{one}/schedstat").read_text().split()[1]) for one in processes) / 1e9


def times(*processes: object) -> float:
    """Seconds run."""
    return sum(int(Path(f"/proc/{one}/schedstat").read_text().split()[0]) for one in processes) / 1e9


@linux
def test_waiting_is_that_of_this_thread_and_the_backend(server: Server) -> None:
    with connect(server) as connection:
        pid = connection.info.backend_pid
        with scheduled(pid, "postgres") as both, scheduled(pid, "other") as ours:
            before, ran = delays("thread-self", pid), both().ran
            connection.execute("SELECT count(*) FROM generate_series(1, 100000)")
            between, mine = both(), ours()
            assert before - ROUNDING < between.waited < delays("thread-self", pid) + ROUNDING
            assert mine.waited < delays("thread-self") + ROUNDING
            assert between.waited > mine.waited  # the backend has waited at least when it was started
            assert between.ran - ran > 0.001
            assert mine.ran < times("thread-self") + ROUNDING
            connection.close()
            assert both().waited >= mine.waited


@linux
def test_what_ran_is_left_in(server: Server) -> None:
    """On one processor a client waits for its own backend, which the kernel counts like any other waiting."""
    with connect(server) as connection:
        pid = connection.info.backend_pid
        mine = os.sched_getaffinity(0)
        with scheduled(pid, "postgres") as clock:
            os.sched_setaffinity(0, {min(mine)})
            os.sched_setaffinity(pid, {min(mine)})
            try:
                unhindered, before = Unhindered(lambda: executed(connection), clock), clock().ran
                taken = [unhindered() for _ in range(50)]
                ran = clock().ran - before
            finally:
                os.sched_setaffinity(0, mine)
        assert ran > 0.005
        assert sum(taken) > 0.6 * ran  # the rest is between executions


def executed(connection: psycopg.Connection) -> float:
    began = time.perf_counter()
    connection.execute("SELECT count(*) FROM generate_series(1, 3000)")
    return time.perf_counter() - began


@linux
def test_what_reads_the_waiting_is_closed(server: Server) -> None:
    """Files that nobody closed fail a suite whose filterwarnings are "error"."""
    pid = server.admin.info.backend_pid
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", ResourceWarning)
        with scheduled(pid, server.admin.info.dbname) as clock:
            clock()
        del clock
        gc.collect()
    assert [str(one.message) for one in said] == []


def test_nobody_waits_where_the_platform_does_not_tell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(backends, "_PROC", tmp_path)
    with scheduled(1, "postgres") as clock:
        assert clock() == Scheduled()


def test_a_backend_in_a_container_is_found_by_its_number_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """87 in the container is 4711 here; 87 here is somebody else, and so is the backend of another database."""
    found = {4711: (b"postgres: me shop", 87), 4712: (b"postgres: me other", 87), 87: (b"vim", 87)}
    for pid, (title, inner) in found.items():
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "cmdline").write_bytes(title + b" [local] idle\0")
        (tmp_path / str(pid) / "status").write_text(f"Name:\tpostgres\nNSpid:\t{pid}\t{inner}\nThreads:\t1\n")
    monkeypatch.setattr(backends, "_PROC", tmp_path)
    monkeypatch.setattr(sys, "platform", "linux")
    assert [backends.process_of(87, name) for name in ("shop", "other")] == [4711, 4712]
    with pytest.raises(DisturbedError, match="processes"):
        backends.process_of(88, "shop")


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


def test_shared_memory_is_nobodys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "smaps_rollup").write_text("Rss: 900 kB\nPss:  500 kB\nPss_Anon: 90 kB\nPss_Shmem:  380 kB\n")
    monkeypatch.setattr(backends, "_PROC", tmp_path)
    assert backends._pss(7) == 120 * 1024


@linux
def test_parallel_workers_count_with_their_leader(server: Server) -> None:
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
