"""What others have of the processors: on clocks that are made up, and of real processes that were made to work."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_perfbudget.errors import DisturbedError
from pytest_perfbudget.model.resources import Shared
from pytest_perfbudget.postgres import backends, neighbours
from pytest_perfbudget.postgres.backends import server_time
from pytest_perfbudget.postgres.neighbours import PAUSE, Neighbours
from pytest_perfbudget.postgres.server import Server

linux = pytest.mark.skipif(sys.platform != "linux", reason="read from /proc, on Linux")


class Machine:
    """Processors 0 to 3, of which this thread may use 0 and 1, a server that can be ``seen`` 1 and 2."""

    def __init__(self, patch: pytest.MonkeyPatch, *, seen: bool = True, tells: bool = True) -> None:
        self.now = self.client = self.server = 0.0
        self.idle = dict.fromkeys(range(4), 50.0) if tells else {}
        self.others = [0.0] * 4
        self.paused: list[float] = []
        self.seen = seen
        affinities = {1: {0, 1}, 7: {1, 2}}
        patch.setattr(neighbours, "perf_counter", lambda: self.now)
        patch.setattr(neighbours, "process_time", lambda: self.client)
        patch.setattr(neighbours, "idle", lambda: dict(self.idle))
        patch.setattr(neighbours, "sleep", self.pause)
        patch.setattr(neighbours, "process_of", self.process_of)
        patch.setattr(neighbours, "server_time", lambda *_: lambda: self.server)
        patch.setattr(neighbours.threading, "get_native_id", lambda: 1)
        patch.setattr(neighbours.os, "sched_getaffinity", affinities.__getitem__, raising=False)

    def process_of(self, backend: int, database: str) -> int:
        if not self.seen:
            raise DisturbedError("it is elsewhere")
        return backend

    def pass_(self, seconds: float, *, client: float = 0.0, server: float = 0.0) -> None:
        """Time passes: others have their part, the client and the server seconds on processor 1."""
        self.now += seconds
        self.client += client
        self.server += server
        for one in self.idle:
            self.idle[one] += seconds * (1 - self.others[one]) - (client + server if one == 1 else 0.0)

    def pause(self, seconds: float) -> None:
        self.paused.append(seconds)
        self.pass_(seconds)


@pytest.fixture
def patch() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


def shared(machine: Machine, others: list[float], **ours: float) -> Shared:
    machine.others = others
    since = Neighbours(7, "postgres", "shop").watch()
    machine.pass_(2.0, **ours)
    return since()


def test_others_had_what_neither_this_process_nor_the_server_had(patch: pytest.MonkeyPatch) -> None:
    machine = Machine(patch)
    assert Neighbours(7, "postgres", "shop").sees_server
    found = shared(machine, [1.0, 0.25, 0.0, 0.9], client=0.5, server=0.75)
    assert (found.busy, found.others, found.of) == (pytest.approx(3.75), pytest.approx(2.5), pytest.approx(6.0))
    assert machine.paused == []


def test_what_others_have_where_neither_of_us_may_be_is_nothing_to_us(patch: pytest.MonkeyPatch) -> None:
    found = shared(Machine(patch), [0.0, 0.0, 0.0, 1.0], client=0.5)
    assert (found.busy, found.others) == (pytest.approx(0.5), pytest.approx(0))


def test_of_a_server_that_cannot_be_seen_a_pause_tells(patch: pytest.MonkeyPatch) -> None:
    """Its own time is no neighbour's."""
    machine = Machine(patch, seen=False)
    assert not Neighbours(7, "postgres", "shop").sees_server
    found = shared(machine, [0.5, 0.0, 1.0, 1.0], client=0.5, server=0.75)
    assert machine.paused == [PAUSE]
    assert (found.busy, found.others, found.of) == (pytest.approx(2.25), pytest.approx(1.0), pytest.approx(4.0))


def test_of_what_was_shorter_than_a_tick_a_pause_tells(patch: pytest.MonkeyPatch) -> None:
    machine = Machine(patch)
    machine.others = [1.0, 0.5, 0.0, 0.0]
    since = Neighbours(7, "postgres", "shop").watch()
    machine.pass_(0.01, client=0.002, server=0.003)
    found = since()
    assert machine.paused == [PAUSE]
    assert (found.busy, found.others, found.of) == (pytest.approx(0.02), pytest.approx(0.015), pytest.approx(0.03))


@pytest.mark.parametrize("seen", [True, False])
def test_nobody_is_blamed_where_the_platform_does_not_tell(patch: pytest.MonkeyPatch, seen: bool) -> None:
    machine = Machine(patch, seen=seen, tells=False)
    assert shared(machine, [1.0] * 4, client=0.5) == Shared()
    assert machine.paused == []


@given(st.lists(st.floats(0, 1), min_size=4, max_size=4), st.floats(0, 2), st.booleans())
def test_others_have_no_more_than_was_had(others: list[float], client: float, seen: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        found = shared(Machine(patch, seen=seen), others, client=client)
    assert 0 <= found.others <= min(found.busy, found.of * (1 + 1e-9))


@linux
def test_the_servers_time_is_that_of_the_database_and_its_workers(server: Server) -> None:
    admin = server.admin.info
    server.admin.execute("DROP DATABASE IF EXISTS time_of_it")
    server.admin.execute("CREATE DATABASE time_of_it")
    spent = server_time(admin.backend_pid, admin.dbname, "time_of_it")
    work = "SELECT count(*) FROM generate_series(1, 1000000)"
    before = spent()
    with psycopg.connect(server.dsn("time_of_it"), autocommit=True) as ours:
        ours.execute(work)
        once = spent() - before
        assert once > 0.01
        server.admin.execute(work)
        assert spent() - before < 1.5 * once
    server.admin.execute("DROP DATABASE time_of_it WITH (FORCE)")


@linux
def test_what_reads_files_for_all_and_what_has_ended_count(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    titles = {
        11: b"postgres: me shop [local] SELECT",
        12: b"postgres: io worker 0 ",
        13: b"postgres: parallel worker for PID 11 ",
        14: b"postgres: me other [local] idle",
        15: b"postgres: checkpointer ",
    }

    class Children:
        def read_text(self) -> str:
            return " ".join(map(str, titles))

    monkeypatch.setattr(backends, "process_of", lambda backend, database: backend)
    monkeypatch.setattr(backends, "_parent", lambda pid: 10)
    monkeypatch.setattr(backends, "_children", lambda pid: Children())
    monkeypatch.setattr(backends, "_title", lambda pid: titles.get(pid, b""))
    monkeypatch.setattr(backends, "_ended", lambda pid: 0.5)
    monkeypatch.setattr(backends, "_cpu_time", lambda pid: 2.0 ** (pid - 11))
    assert server_time(11, "shop", "shop")() == 0.5 + 1 + 2 + 4


@linux
def test_the_time_of_children_that_ended_is_their_parents_to_tell() -> None:
    before = backends._ended(os.getpid())
    subprocess.run([sys.executable, "-c", "sum(range(5_000_000))"], check=True)
    assert backends._ended(os.getpid()) > before
    assert backends._cpu_time(os.getpid()) > 0


@linux
def test_a_process_that_is_gone_has_no_time() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    assert backends._cpu_time(gone.pid) == 0
    assert not Path(f"/proc/{gone.pid}").exists()


@linux
def test_a_neighbour_is_seen_and_we_are_none(server: Server) -> None:
    """A process that works without a pause, beside a backend that does."""
    watch = Neighbours(server.admin.info.backend_pid, server.admin.info.dbname, "postgres").watch
    work = "SELECT count(*) FROM generate_series(1, 2000000)"
    command = "print(flush=True)\nwhile True: pass"
    with subprocess.Popen([sys.executable, "-c", command], stdout=subprocess.PIPE) as busy:
        busy.stdout.readline()
        spent = backends._cpu_time(busy.pid)
        since = watch()
        server.admin.execute(work)
        found = since()
        spent = backends._cpu_time(busy.pid) - spent
        busy.kill()
    assert found.others >= 0.7 * spent > 0
    assert found.busy - found.others > 0.05
