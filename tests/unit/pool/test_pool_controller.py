"""The laws of sizing; `tests/campaigns/pool_loads.py` has the loads, and the long form."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_perfbudget.pool.controller import Controller, Policy
from pytest_perfbudget.pool.ledger import Account

sys.path.append(str(Path(__file__).parents[2] / "campaigns"))

from pool_loads import COOL_DOWN, POLICY, Load, bounds, hold, loads, play, traces

IO = Load(clients=16, held=0.005, thinking=0.0, cores=64)
QUIET = Load(clients=0, held=0.005, thinking=0.0, cores=64)


@settings(max_examples=60, deadline=None)
@given(traces, bounds, st.integers(0, 2**32), st.sampled_from([0.0, 0.05, 0.1]))
def test_no_load_makes_the_size_oscillate(trace: list[Load], limits: tuple[int, int], seed: int, spread: float) -> None:
    hold(trace, limits, seed, spread)


def test_a_load_gets_the_connections_it_can_use() -> None:
    (targets,) = play([IO], 1, 64, seed=0, spread=0.0)
    assert targets[20] == 16
    assert max(targets) <= 32


BUSY = replace(IO, clients=64, cores=4)


@pytest.mark.parametrize("rivalry", [0.0, 0.1])
@pytest.mark.parametrize("seed", range(5))
def test_where_more_connections_bring_nothing_there_are_no_more(rivalry: float, seed: int) -> None:
    spread = 0.05 if rivalry else 0.0
    (targets,) = play([replace(BUSY, rivalry=rivalry)], 1, 64, seed=seed, spread=spread)
    assert max(targets) == 64, "not even tried"
    assert len([target for target in targets if target > 8]) <= 20, "the trial has no end"
    assert 4 <= targets[-1] <= 8


@pytest.mark.parametrize("seed", range(5))
def test_where_handing_over_costs_more_than_rivalry_every_request_has_a_connection(seed: int) -> None:
    """A thread that waits for a connection sleeps and is woken for each statement."""
    (targets,) = play([replace(BUSY, clients=50, handing=0.3, rivalry=0.001)], 1, 64, seed=seed, spread=0.05)
    assert set(targets[60:]) == {50}


def test_a_load_that_goes_during_a_trial_was_no_trial() -> None:
    """Its figures would be those of the load that went."""
    clock = [0.0]
    controller = Controller(1, 64, POLICY, lambda: clock[0])
    sizes = [1]
    while max(sizes) < 64:
        clock[0] += POLICY.interval
        seen = account(BUSY, sizes[-1])
        sizes.append(controller.step(seen, size=sizes[-1], waiting=64 - sizes[-1]))
    for _ in range(COOL_DOWN // 2):
        clock[0] += POLICY.interval
        sizes.append(controller.step(account(replace(BUSY, clients=2), 64), size=64))
    assert sizes[-1] == 64


def test_other_statements_are_other_limits() -> None:
    """After a load of the processor, one that waits for something else is not held back by the limit found before."""
    busy, waiting = replace(IO, clients=64, held=0.001, cores=2), replace(IO, clients=64, held=0.1, cores=64)
    _, after = play([busy, waiting], 1, 64, seed=0, spread=0.05)
    assert max(after) == 64


def test_back_at_the_minimum_within_the_cool_down() -> None:
    _, quiet = play([IO, QUIET], 2, 64, seed=0, spread=0.0)
    assert quiet[0] > 2
    assert quiet[COOL_DOWN - 1] == 2


def test_what_was_needed_within_the_cool_down_is_kept() -> None:
    _, less = play([IO, replace(IO, clients=4)], 1, 64, seed=0, spread=0.0)
    assert less[COOL_DOWN - 4] == 16
    assert less[COOL_DOWN + 1] == 5


def account(load: Load, size: int) -> Account:
    return load.account(size, Random(0), 0.0)


@given(st.lists(loads, max_size=8), loads, st.integers(0, 50), st.floats(0, 1), st.integers(0, 5))
def test_more_queueing_longer_waits_and_higher_peaks_never_give_fewer_connections(
    before: list[Load], load: Load, queued: int, wait: float, peak: int
) -> None:
    seen = account(load, 8)
    more = replace(
        seen,
        queued=min(seen.queued + queued, seen.requests),
        waits=tuple(one + wait for one in seen.waits),
        max_busy=seen.max_busy + peak,
    )
    found = []
    for last in (seen, more):
        clock = [0.0]
        controller = Controller(1, 64, POLICY, lambda clock=clock: clock[0])  # type: ignore[misc]
        for one in [account(each, 8) for each in before] + [last]:
            clock[0] += POLICY.interval
            controller.step(one, size=controller.target)
        found.append(controller.target)
    assert found[0] <= found[1]


def test_a_pool_whose_every_connection_is_held_for_long_grows_without_a_single_return() -> None:
    controller = Controller(1, 8, POLICY, lambda: 0.0)
    nothing = Account(0.1, 0, 0, 0, 0, 1.0, 1)
    assert controller.step(nothing, size=1, waiting=0) == 1
    assert controller.step(nothing, size=1, waiting=3) == 2


def test_connections_that_cannot_be_made_are_waited_for() -> None:
    controller = Controller(1, 64, POLICY, lambda: 0.0)
    pressed = account(IO, 1)
    sizes = {controller.step(pressed, size=1) for _ in range(20)}
    assert sizes == {2}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"cool_down": 0.1}, "cool_down"),
        ({"interval": 0.0}, "interval"),
        ({"headroom": 0.9}, "headroom"),
        ({"queued": 1.0}, "queued"),
    ],
)
def test_a_policy_that_cannot_work_is_refused(wrong: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Policy(**wrong)


def test_bounds_that_move_are_kept() -> None:
    controller = Controller(1, 64, POLICY, lambda: 0.0)
    for _ in range(9):
        controller.step(account(IO, controller.target), size=controller.target)
    assert controller.target > 4
    controller.maximum = 4
    assert controller.step(account(IO, 4), size=4) == 4
    controller.minimum = controller.maximum = 6
    assert controller.step(account(QUIET, 4), size=4) == 6
