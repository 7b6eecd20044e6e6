"""Fresh pairs of connections: backends that differ by themselves, on a clock that only executions move."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_perfbudget.measure.fresh import ROUNDS, over_fresh_pairs
from pytest_perfbudget.measure.paired import FRESH_PAIRS, Look, Step
from pytest_perfbudget.measure.regression import regressions
from pytest_perfbudget.measure.rounds import WARM_UP, Connected
from pytest_perfbudget.model import Verdict


class Server:
    """Each backend is slower or faster than the others by up to 40 %, for all of its statements."""

    def __init__(self, **slower: float) -> None:
        self.now, self.slower, self.draw, self.seconds = 0.0, slower, Random(4), 0.001
        self.varying: frozenset[str] = frozenset()
        self.opened: list[frozenset[str]] = []
        self.counted: list[tuple[str, tuple[float, float]]] = []
        self.done: list[tuple[int, float]] = []
        self.closed = 0

    def clock(self) -> float:
        return self.now

    @contextmanager
    def fresh(self, keys: frozenset[str]) -> Iterator[Connected]:
        self.opened.append(keys)
        speeds = [self.draw.uniform(0.8, 1.2), self.draw.uniform(0.8, 1.2)]
        pairs = {key: Statement(self, self.seconds, speeds, self._slower(key)) for key in sorted(keys)}
        references = [Statement(self, seconds, speeds) for seconds in (0.0008, 0.0009, 0.0007)]
        yield Connected(pairs, references[0], references[1:], lambda key, seconds: self.counted.append((key, seconds)))
        self.closed += 1

    def _slower(self, key: str) -> float:
        return self.slower[key] * (self.draw.uniform(0.8, 1.25) if key in self.varying else 1.0)

    def look(self, key: str, regress: float = 0.1, cap: float = 60.0) -> Look:
        return over_fresh_pairs(self.fresh, self.clock, Random(1), cap)({key: regress})[key]


class Statement:
    def __init__(self, server: Server, seconds: float, speeds: list[float], slower: float = 1.0) -> None:
        self._server, self._nominal = server, seconds
        self._seconds = (seconds * speeds[0], seconds * speeds[1] * slower)

    def _execute(self, side: int) -> float:
        assert not gc.isenabled()
        self._server.now += self._seconds[side]
        self._server.done.append((side, self._nominal))
        return self._seconds[side]

    def old(self) -> float:
        return self._execute(0)

    def new(self) -> float:
        return self._execute(1)


@pytest.mark.parametrize(("slower", "step"), [(1.0, Step.PASS), (1.1, Step.CANDIDATE), (0.9, Step.IMPROVED)])
def test_what_backends_do_by_themselves_is_divided_out(slower: float, step: Step) -> None:
    server = Server(a=slower)
    look = server.look("a")
    assert (look.step, look.change.n) == (step, FRESH_PAIRS[0])
    assert look.change.median == pytest.approx(slower - 1)
    assert look.control.median == pytest.approx(0)
    assert len(server.opened) == server.closed == FRESH_PAIRS[0]


def test_each_pair_is_warmed_up_and_measured_ten_times() -> None:
    server = Server(a=1.0)
    server.look("a")
    assert len(server.done) == FRESH_PAIRS[0] * 4 * 2 * (WARM_UP + ROUNDS)


def test_what_counts_is_told_without_the_warm_up_of_any_pair() -> None:
    server = Server(a=1.0, b=1.0)
    over_fresh_pairs(server.fresh, server.clock, Random(1), 60.0)({"a": 0.1, "b": 0.1})
    assert len(server.opened) == FRESH_PAIRS[0]
    for key in "ab":
        assert len([one for one, _ in server.counted if one == key]) == FRESH_PAIRS[0] * ROUNDS
    assert all(0.0008 <= seconds <= 0.0012 for _, sides in server.counted for seconds in sides)


def test_what_is_executed_is_shuffled_and_either_side_begins_equally_often() -> None:
    server = Server(a=1.0)
    server.look("a")
    warmed, each = 4 * 2 * WARM_UP, 4 * 2
    rounds = [server.done[at : at + each] for at in range(warmed, warmed + ROUNDS * each, each)]
    assert len({tuple(seconds for _, seconds in done[::2]) for done in rounds}) > 5
    assert [done[0][0] for done in rounds] == [0, 1] * (ROUNDS // 2)


def test_what_is_decided_is_opened_no_more() -> None:
    server = Server(a=1.0, b=1.05)
    server.varying = frozenset("b")
    looks = over_fresh_pairs(server.fresh, server.clock, Random(1), 60.0)({"a": 0.1, "b": 0.1})
    assert (looks["a"].step, looks["a"].change.n) == (Step.PASS, 12)
    assert looks["b"].change.n > 12
    assert server.opened == [frozenset("ab")] * 12 + [frozenset("b")] * (looks["b"].change.n - 12)
    assert gc.isenabled()


def test_the_cap_ends_it() -> None:
    look = Server(a=1.0).look("a", cap=0.5)
    assert look.step is Step.UNJUDGED
    assert (look.reason, look.saved) == ("the cap of 500 ms was reached", FRESH_PAIRS[-1] - look.change.n)
    assert 0 < look.change.n < 7


@given(st.floats(0.001, 60.0))
def test_no_more_than_a_round_passes_the_cap(seconds: float) -> None:
    server = Server(a=1.0)
    server.seconds = seconds
    look = server.look("a", cap=15.0)
    assert server.now <= 15.0 + 2 * 1.2 * (seconds + 0.0024)
    assert look.change.n <= len(server.opened) <= look.change.n + 1


def test_a_statement_of_2_s_is_warmed_up_for_a_third_of_the_cap_and_counts_as_long_as_it_lasts() -> None:
    server = Server(a=1.0)
    server.seconds = 2.0
    look = server.look("a", cap=15.0)
    assert (look.step, look.reason, look.change.n) == (Step.UNJUDGED, "the cap of 15 s was reached", 1)
    assert len(server.opened) == 1
    assert server.now < 15 + 2 * 2 * 1.2 + 0.1
    assert len(server.counted) in (2, 3)


def test_no_pair_is_opened_once_the_run_may_measure_no_more() -> None:
    server = Server(a=1.0)
    measure = over_fresh_pairs(server.fresh, server.clock, Random(1), 60.0, ends=0.5)
    assert measure({"a": 0.1})["a"].reason == "the cap of 500 ms, what is left of measure_cap, was reached"
    assert 0.5 <= server.now < 0.51
    before = len(server.opened)
    look = measure({"a": 0.1})["a"]
    assert (look.step, look.change.n, len(server.opened)) == (Step.UNJUDGED, 0, before)


def test_where_the_cap_comes_before_a_round_nothing_counts() -> None:
    server = Server(a=1.0)
    server.seconds = 40.0
    look = server.look("a", cap=15.0)
    assert (look.step, look.change.n, server.counted, len(server.opened)) == (Step.UNJUDGED, 0, [], 1)
    assert server.now < 2 * 40 * 1.2 + 0.1


def test_a_candidate_is_confirmed_on_other_pairs() -> None:
    server = Server(a=1.15)
    measure = over_fresh_pairs(server.fresh, server.clock, Random(1), 60.0)
    slept: list[float] = []
    outcome = regressions(measure, {"a": 0.1}, slept.append)["a"]
    assert outcome.verdict is Verdict.REGRESSED
    assert (slept, len(server.opened)) == ([5.0], 2 * FRESH_PAIRS[0])


def test_references_are_needed() -> None:
    server = Server(a=1.0)

    @contextmanager
    def without(keys: frozenset[str]) -> Iterator[Connected]:
        with server.fresh(keys) as connected:
            yield Connected(connected.pairs, connected.control)

    with pytest.raises(ValueError, match="reference queries"):
        over_fresh_pairs(without, server.clock, Random(1))({"a": 0.1})
