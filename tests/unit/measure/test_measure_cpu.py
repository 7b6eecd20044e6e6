"""CPU time, decided on injected samples."""

from __future__ import annotations

import random

import pytest
from connections import Connections
from hypothesis import given
from hypothesis import strategies as st

from pytest_perfbudget.measure.cpu import FEWEST, MOST, CpuTime, cpu_time, floor, lesser
from pytest_perfbudget.measure.regression import APART
from pytest_perfbudget.measure.sampling import State
from pytest_perfbudget.model.resources import Shared


def cpu(connections: Connections, allowed: float) -> tuple[State, float, int]:
    """At one moment."""
    found = floor(connections.fresh, allowed, connections.clock)
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
    found = floor(slow.fresh, 0.1, slow.clock)
    assert found.state is State.UNDECIDED
    assert found.reason == "the cap of 3 s was reached after n=2 on 2 backends: 400 ms or less"
    assert slow.now <= 3.9
    assert cpu(Connections(0.4, wall=0.9), 0.5) == (State.WITHIN, 0.4, 1)


@given(st.floats(1e-5, 1e-2), st.floats(0.2, 5), st.floats(1e-3, 1e3))
def test_the_unit_of_cpu_time_does_not_matter(figure: float, share: float, unit: float) -> None:
    one, other = Connections(figure), Connections(figure * unit)
    assert cpu(one, figure * share)[0] is cpu(other, figure * unit * share)[0]


def twice(connections: Connections, allowed: float) -> CpuTime:
    return cpu_time(connections.fresh, allowed, connections.clock, connections.sleep)


def test_what_is_beyond_is_so_at_two_moments() -> None:
    slow = Connections(0.003, wall=0.001)
    found = twice(slow, 0.002)
    assert (found.state, found.seconds, found.connections) == (State.BEYOND, pytest.approx(0.003), 2 * FEWEST)
    assert slow.slept == [APART]
    assert found.reason == f"n={found.n} on 16 backends"


def test_a_guest_beside_ours_for_seconds_fails_nothing() -> None:
    slowed = Connections(*[0.003] * FEWEST, 0.0019)
    found = twice(slowed, 0.002)
    assert (found.state, found.seconds, slowed.slept) == (State.WITHIN, pytest.approx(0.0019), [APART])
    assert found.reason.startswith("3 ms once, 5 s later n=")


def test_what_the_cap_leaves_undecided_the_second_time_is_so() -> None:
    calls = iter([0.003] * 10_000)
    ended = Connections(lambda: next(calls), wall=0.001)
    stalled = Connections(0.003, wall=2.0)
    first = floor(ended.fresh, 0.002, ended.clock)
    second = floor(stalled.fresh, 0.002, stalled.clock)
    assert (first.state, second.state) == (State.BEYOND, State.UNDECIDED)
    found = lesser(first, second)
    assert (found.state, found.n) == (State.UNDECIDED, first.n + second.n)
    assert found.reason.startswith("3 ms once, 5 s later the cap of 3 s was reached after n=")


@pytest.mark.parametrize("allowed", [0.0031, 0.004, 0.01])
def test_what_is_within_costs_no_pause(allowed: float) -> None:
    within = Connections(0.003)
    assert twice(within, allowed).state is State.WITHIN
    assert within.slept == []


@given(st.lists(st.floats(1e-5, 1e-2), min_size=1, max_size=60), st.floats(1e-5, 1e-2))
def test_a_second_moment_only_ever_takes_an_alarm_back(figures: list[float], allowed: float) -> None:
    one = Connections(*figures)
    once, both = floor(one.fresh, allowed, one.clock), twice(Connections(*figures), allowed)
    assert both.seconds <= once.seconds
    assert once.state is State.BEYOND or both == once
    assert both.state is not State.BEYOND or both.seconds > allowed


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
    found = floor(one.fresh, 0.002, one.clock, watch=lambda: lambda: shared)
    assert found.state is state
    words = "n=80 on 8 backends, 2.1 ms: others had 50% of the processors' time meanwhile"
    assert (found.reason == words) is (state is State.UNDECIDED)
