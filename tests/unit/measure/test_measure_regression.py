"""Rounds on a clock that only executions and sleeping move, and what a second connection makes of the first."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from random import Random

import pytest

from pytest_perfbudget.measure.paired import Look, Step
from pytest_perfbudget.measure.regression import Outcome, on_one_connection, regressions
from pytest_perfbudget.measure.rounds import WARM_UP, Connected, measure_pairs
from pytest_perfbudget.model import Verdict


class Clock:
    """Seconds that pass only when something is done."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class Statement:
    """Both sides of a statement; ``done`` lists who was executed when."""

    def __init__(self, clock: Clock, name: str, old: float, new: float, done: list[str]) -> None:
        self._clock, self._name, self._seconds, self._done = clock, name, {"old": old, "new": new}, done

    def _execute(self, side: str) -> float:
        assert not gc.isenabled()
        self._clock.now += self._seconds[side]
        self._done.append(f"{self._name}.{side}")
        return self._seconds[side]

    def old(self) -> float:
        return self._execute("old")

    def new(self) -> float:
        return self._execute("new")


class Server:
    """Connections whose statements take as long as ``timings`` says, one mapping for each connection."""

    def __init__(self, *timings: Mapping[str, tuple[float, float]]) -> None:
        self.clock, self.timings, self.done = Clock(), timings, list[str]()
        self.opened: list[frozenset[str]] = []
        self.counted: list[tuple[str, tuple[float, float]]] = []
        self.closed = 0

    @contextmanager
    def fresh(self, keys: frozenset[str]) -> Iterator[Connected]:
        timings = self.timings[len(self.opened)]
        self.opened.append(keys)
        pairs = {key: Statement(self.clock, key, *timings[key], self.done) for key in sorted(keys)}
        control = Statement(self.clock, "control", *timings.get("control", (0.001, 0.001)), self.done)
        yield Connected(pairs, control, counted=lambda key, seconds: self.counted.append((key, seconds)))
        self.closed += 1

    def judge(self, **regress: float) -> dict[str, Outcome]:
        measure = on_one_connection(self.fresh, self.clock, Random(1))
        return regressions(measure, regress, self.clock.sleep)


def measured(server: Server, cap: float = 3.0, **regress: float) -> dict[str, Look]:
    with server.fresh(frozenset(regress)) as connected:
        return measure_pairs(connected, regress, server.clock, Random(1), cap)


def test_an_unchanged_statement_needs_one_connection() -> None:
    server = Server({"a": (0.001, 0.001)})
    outcome = server.judge(a=0.1)["a"]
    assert (outcome.verdict, outcome.reason, outcome.saved) == (
        Verdict.SAME,
        "0% (0% to 0%), n=30",
        210,
    )
    assert (len(server.opened), server.closed, server.clock.slept) == (1, 1, [])
    assert {server.done.count(f"{name}.{side}") for name in ("a", "control") for side in ("old", "new")} == {
        WARM_UP + 30
    }


def test_a_candidate_twice_is_regressed() -> None:
    server = Server({"a": (0.001, 0.0012)}, {"a": (0.001, 0.0011)})
    outcome = server.judge(a=0.1)["a"]
    assert outcome.verdict is Verdict.REGRESSED
    assert outcome.reason == "+20% (+20% to +20%), n=30, on a new connection +10% (+10% to +10%), n=30"
    assert outcome.saved == 420


def test_the_second_connection_comes_five_seconds_later_and_has_the_suspects_only() -> None:
    server = Server({"a": (0.001, 0.0012), "b": (0.001, 0.001)}, {"a": (0.001, 0.0012)})
    outcomes = server.judge(a=0.1, b=0.1)
    assert server.opened == [frozenset("ab"), frozenset("a")]
    assert sum(server.clock.slept) == pytest.approx(5.0)
    assert outcomes["b"].verdict is Verdict.SAME
    assert outcomes["b"].again is None


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [
        (1.2, 1.0, Verdict.UNJUDGED),
        (0.8, 0.8, Verdict.IMPROVED),
        (0.8, 1.0, Verdict.SAME),
        (0.8, 1.2, Verdict.UNJUDGED),
        (1.2, 0.8, Verdict.UNJUDGED),
    ],
)
def test_what_two_connections_make_of_it(first: float, second: float, verdict: Verdict) -> None:
    server = Server({"a": (1e-3, first * 1e-3)}, {"a": (1e-3, second * 1e-3)})
    outcome = server.judge(a=0.1)["a"]
    assert outcome.verdict is verdict
    assert ("not confirmed" in outcome.reason) is (verdict is Verdict.UNJUDGED)


def test_a_null_pair_that_moves_makes_all_times_unjudged() -> None:
    server = Server({"a": (0.001, 0.0012), "b": (0.001, 0.001), "control": (0.001, 0.00104)})
    outcomes = server.judge(a=0.1, b=0.1)
    assert {outcome.verdict for outcome in outcomes.values()} == {Verdict.UNJUDGED}
    assert "a statement that did not change moved by +4%" in outcomes["b"].reason


def test_a_null_pair_that_moves_on_the_second_connection_confirms_nothing() -> None:
    server = Server({"a": (0.001, 0.0012)}, {"a": (0.001, 0.0012), "control": (0.001, 0.00104)})
    outcome = server.judge(a=0.1)["a"]
    assert outcome.verdict is Verdict.UNJUDGED
    assert "did not change moved" in outcome.reason


def test_what_counts_is_told_without_the_warm_up_of_either_connection() -> None:
    server = Server({"a": (0.001, 0.0012)}, {"a": (0.001, 0.0011)})
    server.judge(a=0.1)
    assert server.counted == [("a", (0.001, 0.0012))] * 30 + [("a", (0.001, 0.0011))] * 30


def test_each_statement_has_its_own_margin() -> None:
    server = Server({"a": (0.001, 0.00107), "b": (0.001, 0.00107)}, {"a": (0.001, 0.00107)})
    outcomes = server.judge(a=0.1, b=0.2)
    assert (outcomes["a"].verdict, outcomes["b"].verdict) == (Verdict.REGRESSED, Verdict.SAME)


def test_even_rounds_begin_with_the_reference_and_odd_ones_with_the_head() -> None:
    server = Server({"a": (0.001, 0.001)})
    measured(server, a=0.1)
    of_a = [name for name in server.done if name.startswith("a.")][2 * WARM_UP :]
    assert len(of_a) == 60
    assert of_a[:4] == ["a.old", "a.new", "a.new", "a.old"]


def test_statements_are_shuffled_in_each_round() -> None:
    server = Server(dict.fromkeys("abcd", (0.001, 0.001)))
    measured(server, **dict.fromkeys("abcd", 0.1))
    measuring = [name[0] for name in server.done if not name.startswith("control")][8 * WARM_UP :]
    orders = {"".join(measuring[start : start + 8]) for start in range(0, len(measuring), 8)}
    assert len(orders) > 10
    assert all(sorted(order) == sorted("aabbccdd") for order in orders)


def test_a_statement_that_is_decided_is_executed_no_more() -> None:
    server = Server({"a": (0.001, 0.001), "b": (0.001, 0.001 * 1.02)})
    looks = measured(server, a=0.1, b=0.01)
    assert looks["a"].change.n == looks["b"].change.n == 30
    assert len([name for name in server.done if name.startswith("a.")]) == 2 * (WARM_UP + 30)


def test_the_cap_is_for_each_statement() -> None:
    server = Server({"a": (0.2, 0.25), "b": (0.2, 0.2)})
    looks = measured(server, a=0.1, b=0.1)
    assert looks["a"].step is Step.UNJUDGED
    assert looks["a"].reason == "the cap of 6 s was reached"
    assert 6.0 <= server.clock.now <= 6.0 + 0.2 * 4 + 0.1


def test_no_round_begins_once_the_run_may_measure_no_more() -> None:
    server = Server({"a": (0.2, 0.25)}, {"a": (0.2, 0.25)})
    measure = on_one_connection(server.fresh, server.clock, Random(1), ends=1.0)
    assert measure({"a": 0.1})["a"].reason == "the cap of 1 s, what is left of measure_cap, was reached"
    assert 1.0 <= server.clock.now <= 1.0 + 0.45 + 0.1
    before = len(server.done)
    look = measure({"a": 0.1})["a"]
    assert (look.step, look.change.n, len(server.done)) == (Step.UNJUDGED, 0, before)


def test_warm_up_takes_no_more_than_its_share() -> None:
    server = Server({"a": (0.6, 0.6)})
    looks = measured(server, a=0.1)
    assert looks["a"].change.n == 2
    assert server.done.count("a.old") == 1 + 2


def test_without_time_there_is_no_round() -> None:
    look = measured(Server({"a": (10.0, 10.0)}), a=0.1)["a"]
    assert (look.step, look.change.n) == (Step.UNJUDGED, 0)


def test_an_error_passes_and_the_connection_is_left() -> None:
    server = Server({"a": (0.0, 0.0)})
    with pytest.raises(ValueError, match="durations must be above 0"):
        server.judge(a=0.1)
    assert gc.isenabled()
