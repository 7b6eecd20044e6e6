"""Which processor has least to do, and processes that are kept on one: affinities are the kernel's own, or made up."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_perfbudget.errors import DisturbedError
from pytest_perfbudget.postgres import processors
from pytest_perfbudget.postgres.processors import idle, idlest, in_turn, on_one_processor
from pytest_perfbudget.postgres.server import Server

linux = pytest.mark.skipif(sys.platform != "linux", reason="processors are chosen on Linux")
STAT = "cpu  11 1 1 1 1 1 1 1 0 0\ncpu0 5000 100 700 {0} 10 3 2 9 0 0\ncpu1 1 2 3 {1} 0 0 0 0 0 0\nintr 5 5\nctxt 9\n"


@pytest.fixture
def stat(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[int, int], None]:
    """Have the kernel say so many ticks of idleness of either processor."""

    def write(first: int, second: int) -> None:
        (tmp_path / "stat").write_text(STAT.format(first, second))

    monkeypatch.setattr(processors, "_STAT", tmp_path / "stat")
    return write


def test_idle_are_the_seconds_without_a_process(stat: Callable[[int, int], None]) -> None:
    stat(400, 700)
    tick = os.sysconf("SC_CLK_TCK")
    assert idle() == {0: 415 / tick, 1: 700 / tick}


def test_nobody_is_idle_where_the_platform_does_not_tell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(processors, "_STAT", tmp_path / "stat")
    assert idle() == {}
    assert idlest({3, 5}, lambda _: None) == 5


@given(st.dictionaries(st.integers(0, 63), st.integers(0, 10), min_size=1), st.data())
def test_the_idlest_is_one_that_may_be_used_and_none_was_idle_longer(
    gained: dict[int, int], data: st.DataObject
) -> None:
    may = data.draw(st.sets(st.sampled_from(sorted(gained)), min_size=1))
    readings = iter([dict.fromkeys(gained, 100.0), {one: 100.0 + more for one, more in gained.items()}])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(processors, "idle", lambda: next(readings))
        chosen = idlest(may, lambda _: None)
    assert chosen in may
    assert gained[chosen] == max(gained[one] for one in may)


@linux
def test_client_and_backends_are_on_one_and_go_back_whatever_happens(server: Server) -> None:
    before = os.sched_getaffinity(0)
    with psycopg.connect(server.dsn("postgres")) as one, psycopg.connect(server.dsn("postgres")) as other:
        pids = [one.info.backend_pid, other.info.backend_pid]
        theirs = [os.sched_getaffinity(pid) for pid in pids]
        with on_one_processor([(pid, "postgres") for pid in pids]) as chosen:
            assert [os.sched_getaffinity(pid) for pid in (0, *pids)] == [{chosen}] * 3
            assert chosen in before
        assert [os.sched_getaffinity(pid) for pid in (0, *pids)] == [before, *theirs]
        with pytest.raises(RuntimeError), on_one_processor([(pid, "postgres") for pid in pids]):
            raise RuntimeError
        assert [os.sched_getaffinity(pid) for pid in (0, *pids)] == [before, *theirs]


@linux
def test_a_backend_that_ends_meanwhile_is_not_missed(server: Server) -> None:
    before = os.sched_getaffinity(0)
    with psycopg.connect(server.dsn("postgres"), autocommit=True) as one:
        with on_one_processor([(one.info.backend_pid, "postgres")]):
            server.admin.execute("select pg_terminate_backend(%s, 5000)", [one.info.backend_pid])
        assert os.sched_getaffinity(0) == before


class Kernel:
    """Affinities of threads; those ``refused`` are somebody else's."""

    def __init__(self, affinities: dict[int, set[int]], refused: frozenset[int] = frozenset()) -> None:
        self.affinities, self.refused = affinities, refused

    def get(self, thread: int) -> set[int]:
        return set(self.affinities[thread])

    def set(self, thread: int, allowed: set[int]) -> None:
        if thread in self.refused:
            raise PermissionError(1, "Operation not permitted")
        self.affinities[thread] = set(allowed)


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    """Of thread 1, ours, and of backends 11 and 12."""
    kernel = Kernel({1: {0, 1, 2}, 11: {1, 2, 3}, 12: {0, 1, 2, 3}})
    monkeypatch.setattr(processors.os, "sched_getaffinity", kernel.get, raising=False)
    monkeypatch.setattr(processors.os, "sched_setaffinity", kernel.set, raising=False)
    monkeypatch.setattr(processors.threading, "get_native_id", lambda: 1)
    monkeypatch.setattr(processors, "process_of", lambda backend, database: backend)
    monkeypatch.setattr(processors, "idlest", max)
    return kernel


BOTH = [(11, "old"), (12, "new")]


def test_the_processor_is_one_that_all_may_use(kernel: Kernel) -> None:
    with on_one_processor(BOTH) as chosen:
        assert chosen == 2
        assert kernel.affinities == {1: {2}, 11: {2}, 12: {2}}
    assert kernel.affinities == {1: {0, 1, 2}, 11: {1, 2, 3}, 12: {0, 1, 2, 3}}


@pytest.mark.parametrize("refused", [1, 11, 12])
def test_what_is_not_ours_to_move_is_said_and_the_others_go_back(kernel: Kernel, refused: int) -> None:
    kernel.refused = frozenset([refused])
    words = "cannot be kept on one processor: Operation not permitted"
    with pytest.raises(DisturbedError, match=words), on_one_processor(BOTH):
        pass
    assert kernel.affinities == {1: {0, 1, 2}, 11: {1, 2, 3}, 12: {0, 1, 2, 3}}


def test_a_server_on_other_processors_cannot_be_beside_us(kernel: Kernel) -> None:
    kernel.affinities[12] = {7}
    with pytest.raises(DisturbedError, match="no processor that this one may use"), on_one_processor(BOTH):
        pass
    assert kernel.affinities[1] == {0, 1, 2}


def test_a_server_elsewhere_is_said(server: Server) -> None:
    with pytest.raises(DisturbedError, match="processes"), on_one_processor([(os.getpid(), "postgres")]):
        pass


def test_one_backend_after_the_other_is_on_the_next_processor(kernel: Kernel) -> None:
    seen = []
    for number in range(4):
        with in_turn(11, "one", number):
            seen.append((kernel.affinities[1], kernel.affinities[11]))
        assert kernel.affinities[11] == {1, 2, 3}
    assert seen == [({1}, {1}), ({2}, {2})] * 2


def test_what_is_not_ours_to_move_stays(kernel: Kernel) -> None:
    kernel.refused = frozenset([11])
    with in_turn(11, "one", 0):
        assert kernel.affinities == {1: {0, 1, 2}, 11: {1, 2, 3}, 12: {0, 1, 2, 3}}
