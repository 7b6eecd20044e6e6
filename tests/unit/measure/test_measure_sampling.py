from __future__ import annotations

import gc
import math
import random
from collections.abc import Callable
from itertools import cycle

import pytest

from pytest_perfbudget.measure.confirm import measure
from pytest_perfbudget.measure.sampling import BEYOND, WITHIN, Cap, State, sample


class Statement:
    """Executions whose duration is drawn, on a clock that only they move."""

    def __init__(self, duration: Callable[[], float]) -> None:
        self.now, self.executions = 0.0, 0
        self._duration = duration

    def __call__(self) -> float:
        taken = self._duration()
        self.now += taken
        self.executions += 1
        return taken

    def clock(self) -> float:
        return self.now


def constant(value: float) -> Statement:
    return Statement(lambda: value)


def state(seconds: float, **allowed: float) -> dict[str, State]:
    statement = constant(seconds)
    return {key: d.state for key, d in sample(statement, allowed, statement.clock).decisions.items()}


@pytest.mark.parametrize("key", ["p50", "p95", "p99", "mean"])
def test_clear_of_the_budget(key: str) -> None:
    assert state(0.001, **{key: 0.002}) == {key: State.WITHIN}
    assert state(0.003, **{key: 0.002}) == {key: State.BEYOND}


@pytest.mark.parametrize(("key", "n"), [("p50", 6), ("p95", 96), ("p99", 384), ("mean", 48)])
def test_it_stops_at_the_first_look_that_can_decide(key: str, n: int) -> None:
    statement = constant(0.001)
    sampled = sample(statement, {key: 0.002}, statement.clock)
    assert (len(sampled.samples), statement.executions) == (n, n + 12)
    words = "at most 1 ms" if key == "p50" else "between 1 ms and 1 ms"
    assert sampled.decisions[key].reason == f"n={n}: {key} {words}"
    assert sampled.latency(key).interval == (None if key == "p50" else (0.001, 0.001))


def test_a_look_that_decides_nothing_leaves_error_for_the_next() -> None:
    """Two of ten executions are beyond: six or twelve of them do not tell that the median is not."""
    turns = cycle([0.001, 0.003, 0.001, 0.001, 0.001])
    statement = Statement(lambda: next(turns))
    sampled = sample(statement, {"p50": 0.002}, statement.clock)
    assert sampled.decisions["p50"].state is State.WITHIN
    assert 12 < len(sampled.samples) <= 48


def test_what_is_far_beyond_is_seen_in_few_samples() -> None:
    statement = constant(0.050)
    sampled = sample(statement, {"p95": 0.005}, statement.clock)
    assert sampled.decisions["p95"].state is State.BEYOND
    assert len(sampled.samples) == 6


def test_the_cap_leaves_it_undecided_and_says_so() -> None:
    statement = constant(0.125)
    decision = sample(statement, {"p99": 0.2}, statement.clock).decisions["p99"]
    assert decision.state is State.UNDECIDED
    assert decision.reason == "the cap of 3 s was reached after n=16: p99 at least 125 ms"
    assert statement.now <= 3.0 + 0.125


def test_at_the_cap_all_error_left_is_spent() -> None:
    """59 samples bound a p95 at 95 %: the cap falls between the looks at 48 and 96."""
    statement = constant(0.05)
    sampled = sample(statement, {"p95": 0.06}, statement.clock, cap=Cap(59 * 0.05 - 0.001), warm_up=0)
    assert len(sampled.samples) == 59
    assert sampled.decisions["p95"].state is State.WITHIN


def test_the_cap_that_stopped_it_is_named() -> None:
    statement = constant(0.125)
    cap = Cap(1.0, "the rest of a minute was")
    decision = sample(statement, {"p99": 0.2}, statement.clock, cap).decisions["p99"]
    assert decision.reason == "the rest of a minute was reached after n=5: p99 at least 125 ms"


def test_what_stopping_early_saved_is_what_the_cap_had_time_for() -> None:
    statement = constant(0.125)
    sampled = sample(statement, {"p50": 0.2}, statement.clock, warm_up=2)
    assert (len(sampled.samples), sampled.spent, sampled.saved) == (6, 1.0, 16)
    assert sampled.latency().saved == 16
    assert sample(statement, {"p99": 0.2}, statement.clock).saved is None


def test_warm_up_takes_no_more_than_its_share_of_the_cap() -> None:
    statement = constant(0.6)
    sampled = sample(statement, {"p50": 0.1}, statement.clock)
    assert statement.executions - len(sampled.samples) == 2


def test_a_cap_without_samples_is_undecided() -> None:
    statement = constant(10.0)
    sampled = sample(statement, {"p50": 0.1}, statement.clock)
    assert sampled.decisions["p50"].state is State.UNDECIDED
    assert sampled.latency("p50") is None


def test_each_key_has_its_own_decision() -> None:
    assert state(0.003, p50=0.002, p95=0.004) == {"p50": State.BEYOND, "p95": State.WITHIN}


@pytest.mark.parametrize("enabled", [True, False])
def test_garbage_collection_is_off_meanwhile_and_then_as_before(enabled: bool) -> None:
    seen = []
    statement = Statement(lambda: (seen.append(gc.isenabled()), 0.001)[1])
    was = gc.isenabled()
    try:
        gc.enable() if enabled else gc.disable()
        sample(statement, {"p50": 0.002}, statement.clock)
        assert gc.isenabled() is enabled
    finally:
        gc.enable() if was else gc.disable()
    assert set(seen) == {False}


def test_an_error_passes_and_garbage_collection_is_on_again() -> None:
    with pytest.raises(ZeroDivisionError):
        sample(lambda: 1 / 0, {"p50": 1.0}, lambda: 0.0)
    assert gc.isenabled()


@pytest.mark.parametrize("key", ["p50", "p95"])
def test_the_whole_rule_errs_no_more_than_it_says(key: str) -> None:
    """The truth exactly at the budget: either decision is an error. Lognormal, cap and all looks included."""
    draw, runs, q = random.Random(3), 600, {"p50": 0.0, "p95": 1.6449}[key]
    counts = dict.fromkeys(State, 0)
    for _ in range(runs):
        statement = Statement(lambda: 0.002 * draw.lognormvariate(0, 0.4))
        allowed = 0.002 * math.exp(0.4 * q)
        counts[sample(statement, {key: allowed}, statement.clock, cap=Cap(1.5)).decisions[key].state] += 1
    assert counts[State.WITHIN] / runs <= WITHIN + 0.02
    assert counts[State.BEYOND] / runs <= BEYOND + 0.005


def connections(*durations: float) -> tuple[Callable[[], Statement], list[Statement], Callable[[], float]]:
    opened: list[Statement] = []

    def fresh() -> Statement:
        opened.append(constant(durations[len(opened)]))
        return opened[-1]

    return fresh, opened, lambda: sum(statement.now for statement in opened)


def test_within_needs_no_second_connection() -> None:
    fresh, opened, clock = connections(0.001)
    assert measure(fresh, {"p95": 0.002}, clock).decisions["p95"].state is State.WITHIN
    assert len(opened) == 1


def test_beyond_on_two_connections_is_beyond() -> None:
    fresh, opened, clock = connections(0.003, 0.004)
    decision = measure(fresh, {"p95": 0.002}, clock).decisions["p95"]
    assert (decision.state, len(opened)) == (State.BEYOND, 2)
    assert "on a fresh connection n=6: p95 at least 4 ms" in decision.reason


def test_beyond_on_one_connection_is_undecided() -> None:
    fresh, _, clock = connections(0.003, 0.001)
    sampled = measure(fresh, {"p95": 0.002, "p50": 0.01}, clock)
    assert sampled.decisions["p50"].state is State.WITHIN
    assert sampled.decisions["p95"].state is State.UNDECIDED
    assert sampled.decisions["p95"].reason.startswith("beyond once (n=6: p95 at least 3 ms")
    assert sampled.beyond == frozenset()
