"""Throughput, decided on injected samples."""

from __future__ import annotations

import pytest
from connections import Connections

from pytest_perfbudget.measure.load import ROUND, calls_per_round, rates, throughput
from pytest_perfbudget.measure.sampling import State
from pytest_perfbudget.model.resources import Shared


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
