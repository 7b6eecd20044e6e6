from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest

from pytest_perfbudget.errors import DisturbedError
from pytest_perfbudget.session.alone import Alone
from pytest_perfbudget.session.options import Options


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def alone(clock: Time, worker: str = "main", cap: float = 10.0) -> Alone:
    options = Options(Path(), "0123456789abcdef", worker=worker, measure_cap=cap, measure_wait=0.0)
    return Alone(options, clock)


def refused(one: Alone, why: str) -> None:
    with pytest.raises(DisturbedError, match=why), one.measuring():
        pass


@pytest.fixture
def workers() -> Iterator[tuple[Alone, Alone, Time]]:
    clock = Time()
    with ExitStack() as stack:
        one, two = (stack.enter_context(closing(alone(clock, worker))) for worker in ("gw0", "gw1"))
        yield one, two, clock


def test_one_process_has_what_is_left_of_the_cap() -> None:
    clock = Time()
    one = alone(clock)
    with one.among_others(), one.measuring() as left:
        assert left == 10
        clock.now += 4
    with one.measuring() as left:
        assert left == 6
        clock.now += 7
    refused(one, r"the run has measured for the 10 s that it may \(measure_cap\)")


def test_what_is_measured_counts_although_it_fails() -> None:
    clock = Time()
    one = alone(clock)
    with suppress(ZeroDivisionError), one.measuring():
        clock.now += 4
        raise ZeroDivisionError
    with one.measuring() as left:
        assert left == 6


def test_all_workers_together_have_one_cap(workers: tuple[Alone, Alone, Time]) -> None:
    one, two, clock = workers
    with one.measuring():
        clock.now += 4
    with two.measuring() as left:
        assert left == 6
        clock.now += 6
    for worker in (one, two):
        refused(worker, "measure_cap")


def test_a_test_of_another_worker_that_does_not_end(workers: tuple[Alone, Alone, Time]) -> None:
    one, two, _ = workers
    with two.among_others(), one.among_others():
        refused(one, r"tests of other workers did not end within 0 .s \(measure_wait\)")
    with one.among_others(), one.measuring():
        pass


def test_where_no_file_can_be_locked_workers_measure_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", None)
    for name in ("room", "locks", "run_folder"):
        monkeypatch.delitem(sys.modules, f"pytest_perfbudget.processes.{name}", raising=False)
        monkeypatch.delattr(f"pytest_perfbudget.processes.{name}", raising=False)
    one = alone(Time(), "gw0")
    with one.among_others():
        refused(one, "this platform has no shared locks on files")
    with alone(Time()).measuring() as left:
        assert left == 10
