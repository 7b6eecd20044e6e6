"""Throughput and CPU time, decided on injected samples."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_perfbudget.measure.load import (
    FEWEST,
    MOST,
    ROUND,
    calls_per_round,
    cpu_time,
    rates,
    throughput,
)
from pytest_perfbudget.measure.sampling import State
from pytest_perfbudget.model.resources import Shared


class Connections:
    """Each executes calls that take ``wall`` seconds, and as much of another measure as its figure says."""

    def __init__(self, *figures: float | Callable[[], float], wall: float = 0.01) -> None:
        self.figures, self.wall, self.now, self.opened = figures, wall, 0.0, 0

    def clock(self) -> float:
        return self.now

    def fresh(self) -> Callable[..., float]:
        figure = self.figures[min(self.opened, len(self.figures) - 1)]
        self.opened += 1

        def execute(number: int = 1) -> float:
            self.now += number * self.wall
            return sum(figure() if callable(figure) else figure for _ in range(number))

        return execute


def cpu(connections: Connections, allowed: float) -> tuple[State, float, int]:
    found = cpu_time(connections.fresh, allowed, connections.clock)
    return found.state, pytest.approx(found.seconds), found.connections


def test_what_is_clearly_allowed_needs_one_backend() -> None:
    assert cpu(Connections(0.001), 0.002) == (State.WITHIN, 0.001, 1)


def test_what_is_not_is_asked_of_several_until_three_agree() -> None:
    assert cpu(Connections(0.003), 0.002) == (State.BEYOND, 0.003, FEWEST)
    assert cpu(Connections(0.00195), 0.002) == (State.WITHIN, 0.00195, FEWEST)
    scattered = Connections(*[0.0039, 0.003, 0.0036, 0.0033, 0.00301, 0.0035] * 2)
    assert cpu(scattered, 0.002) == (State.BEYOND, 0.003, 8)
    scattered = Connections(0.0039, 0.0036, 0.0033, 0.003, 0.0035, 0.0042, 0.0045, 0.0048, 0.00301, 0.0051, 0.00302)
    assert cpu(scattered, 0.002) == (State.BEYOND, 0.003, 11)


def test_backends_that_never_agree_are_beyond_if_all_of_them_are() -> None:
    draw = random.Random(3)
    assert cpu(Connections(*[0.003 * 1.1**n for n in range(MOST)], wall=0.001), 0.002) == (State.BEYOND, 0.003, MOST)
    found = cpu(Connections(*[draw.uniform(0.0015, 0.0018) for _ in range(MOST)]), 0.002)
    assert found[0] is State.WITHIN


def test_one_backend_that_is_slower_than_the_others_decides_nothing() -> None:
    assert cpu(Connections(0.003, 0.0017), 0.002) == (State.WITHIN, 0.0017, 2)


def test_a_neighbour_that_slows_most_calls_is_not_seen() -> None:
    draw = random.Random(1)
    noisy = Connections(lambda: 0.001 * (1 if draw.random() < 0.3 else draw.uniform(1.2, 3)), wall=0.002)
    assert cpu(noisy, 0.0009) == (State.BEYOND, 0.001, FEWEST)


def test_a_reading_that_lags_behind_shows_only_in_the_batch_it_is_read_for() -> None:
    """Short calls are read together: one that is read with the next batch is a small part of either."""
    rest = iter([0.00002, 0.0] * 1_000_000)
    short = Connections(lambda: next(rest), wall=0.00001)
    state, seconds, _ = cpu(short, 0.000005)
    assert (state, seconds.expected) == (State.BEYOND, pytest.approx(0.00001, rel=0.01))


def test_a_reading_of_nothing_is_none() -> None:
    turns = iter([0.0, 0.002] * 10_000)
    assert cpu(Connections(lambda: next(turns)), 0.001)[:2] == (State.BEYOND, 0.002)
    assert cpu(Connections(0.0), 0.001)[0] is State.UNDECIDED


def test_the_cap_leaves_it_undecided_and_says_so() -> None:
    slow = Connections(0.4, wall=0.9)
    found = cpu_time(slow.fresh, 0.1, slow.clock)
    assert found.state is State.UNDECIDED
    assert found.reason == "the cap of 3 s was reached after n=2 on 2 backends: 400 ms or less"
    assert slow.now <= 3.9
    assert cpu(Connections(0.4, wall=0.9), 0.5) == (State.WITHIN, 0.4, 1)


@given(st.floats(1e-5, 1e-2), st.floats(0.2, 5), st.floats(1e-3, 1e3))
def test_the_unit_of_cpu_time_does_not_matter(figure: float, share: float, unit: float) -> None:
    one, other = Connections(figure), Connections(figure * unit)
    assert cpu(one, figure * share)[0] is cpu(other, figure * unit * share)[0]


@pytest.mark.parametrize(("seconds", "calls"), [(0.0001, 200), (0.015, 2), (0.02, 1), (2.0, 1), (0.0, 1)])
def test_a_round_takes_long_enough(seconds: float, calls: int) -> None:
    assert calls_per_round(seconds) == calls
    assert not seconds or calls_per_round(seconds) * seconds >= ROUND * 0.999


def test_a_rate_is_held_to_the_least() -> None:
    fast = Connections(1 / 300, wall=0.05)
    sampled = throughput(fast.fresh, 200, fast.clock)
    assert sampled.decisions["p50"].state is State.WITHIN
    found = rates(sampled)
    assert (round(found.median), round(found.lower), found.upper) == (300, 300, None)
    assert (len(sampled.samples), fast.opened) == (6, 1)


def test_what_is_too_slow_is_tried_with_fresh_clients() -> None:
    slow = Connections(1 / 100, wall=0.05)
    sampled = throughput(slow.fresh, 200, slow.clock)
    assert (sampled.decisions["p50"].state, slow.opened) == (State.BEYOND, 2)
    assert round(rates(sampled).upper) == 100
    recovered = Connections(1 / 100, 1 / 300, wall=0.05)
    assert throughput(recovered.fresh, 200, recovered.clock).decisions["p50"].state is State.UNDECIDED


def watched(connections: Connections, least: float, *shared: Shared) -> tuple[State, str]:
    """With what the processors' time of each measurement was, one after the other."""
    found = iter(shared)
    sampled = throughput(connections.fresh, least, connections.clock, watch=lambda: lambda: next(found))
    decision = sampled.decisions["p50"]
    return decision.state, decision.reason


QUIET, BUSY = Shared(busy=1.0, others=0.02, of=2.0), Shared(busy=2.0, others=0.8, of=2.0)


def test_what_is_below_beside_a_neighbour_is_not_judged() -> None:
    slow = Connections(1 / 100, wall=0.05)
    words = "but others had 40% of the processors' time meanwhile"
    state, reason = watched(slow, 200, BUSY)
    assert (state, slow.opened) == (State.UNDECIDED, 1)
    assert reason.endswith(words)
    state, reason = watched(Connections(1 / 100, wall=0.05), 200, QUIET, BUSY)
    assert state is State.UNDECIDED
    assert reason.endswith(f"{words})")


def test_what_no_neighbour_explains_is_below() -> None:
    assert watched(Connections(1 / 100, wall=0.05), 200, QUIET, QUIET)[0] is State.BEYOND
    assert watched(Connections(1 / 20, wall=0.05), 200, BUSY, BUSY)[0] is State.BEYOND


def test_what_reaches_the_least_beside_a_neighbour_has_passed() -> None:
    assert watched(Connections(1 / 300, wall=0.05), 200)[0] is State.WITHIN


@pytest.mark.parametrize(
    ("figure", "shared", "state"),
    [
        (0.0021, Shared(busy=1.0, others=0.01, of=2.0), State.BEYOND),
        (0.0021, Shared(busy=2.0, others=1.0, of=2.0), State.UNDECIDED),
        (0.0033, Shared(busy=2.0, others=1.0, of=2.0), State.BEYOND),
        (0.0021, Shared(), State.BEYOND),
        (0.0019, Shared(busy=2.0, others=1.0, of=2.0), State.WITHIN),
    ],
)
def test_cpu_time_that_a_neighbour_explains_is_not_judged(figure: float, shared: Shared, state: State) -> None:
    one = Connections(figure)
    found = cpu_time(one.fresh, 0.002, one.clock, watch=lambda: lambda: shared)
    assert found.state is state
    words = "n=80 on 8 backends, 2.1 ms: others had 50% of the processors' time meanwhile"
    assert (found.reason == words) is (state is State.UNDECIDED)
