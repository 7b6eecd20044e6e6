"""The paired rule: its laws, its looks, and how often it errs in simulation. No time passes."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_perfbudget.measure.paired import (
    FRESH_PAIRS,
    LOOKS,
    Change,
    Comparison,
    Look,
    Step,
    changed,
    decide,
    log_ratio,
)

STILL = (1.0, 1.0)
durations = st.floats(1e-5, 10.0)
rounds = st.lists(st.tuples(durations, durations), min_size=12, max_size=60)
changes = st.lists(st.floats(-0.4, 0.4), min_size=12, max_size=60)
regressions = st.sampled_from([0.05, 0.1, 0.2])


def compared(
    pairs: Sequence[tuple[float, float]], regress: float = 0.1, looks: Sequence[int] = LOOKS, null: Sequence[float] = ()
) -> Look:
    """The look that ended the rounds, or the one after the last of them."""
    comparison = Comparison(regress, looks)
    look = comparison.look()
    for number, (old, new) in enumerate(pairs):
        comparison.add(old, new, (1.0, math.exp(null[number])) if null else STILL)
        look = comparison.look()
        if look.step is not Step.MORE:
            return look
    return look


def drawn(draw: random.Random, shift: float, noise: float, n: int = 240) -> list[tuple[float, float]]:
    """Rounds with a common disturbance, which cancels, and one of each execution's own, at times a large one."""

    def one(centre: float) -> float:
        return centre + draw.gauss(0, noise / math.sqrt(2)) + (draw.expovariate(3) if draw.random() < 0.05 else 0)

    return [
        (math.exp(one(common)), math.exp(one(common + shift))) for common in [draw.gauss(-7, 0.3) for _ in range(n)]
    ]


@pytest.mark.parametrize(
    ("ratio", "step"),
    [(1.0, Step.PASS), (1.1, Step.CANDIDATE), (1.04, Step.PASS), (0.9, Step.IMPROVED), (0.97, Step.PASS)],
)
def test_what_is_clear_is_decided_at_the_first_look(ratio: float, step: Step) -> None:
    look = compared([(0.001, 0.001 * ratio)] * 240)
    assert (look.step, look.change.n, look.saved) == (step, 30, 210)
    assert look.change.median == pytest.approx(ratio - 1)
    assert look.reason == ""


def test_between_the_looks_there_is_no_decision() -> None:
    comparison = Comparison(0.1)
    for _ in range(29):
        comparison.add(0.001, 0.002, STILL)
        assert comparison.look().step is Step.MORE
    assert comparison.open
    comparison.add(0.001, 0.002, STILL)
    assert comparison.look().step is Step.CANDIDATE
    assert not comparison.open


def test_a_decision_stays() -> None:
    comparison = Comparison(0.1)
    for _ in range(30):
        comparison.add(0.001, 0.001, STILL)
    decided = comparison.look()
    for _ in range(30):
        comparison.add(0.001, 0.002, STILL)
    assert comparison.look() is decided
    assert comparison.stop("the cap was reached") is decided


def halves(high: float, low: float = 0.0) -> list[tuple[float, float]]:
    """Rounds whose median lies between the two: bounds stay wide however many there are."""
    return [(1.0, math.exp(high if number % 2 else low)) for number in range(240)]


def test_after_all_rounds_a_median_below_the_threshold_passes() -> None:
    look = compared(halves(0.09))
    assert (look.step, look.change.n, look.saved) == (Step.PASS, 240, 0)


def test_after_all_rounds_a_median_above_the_threshold_is_unjudged() -> None:
    look = compared(halves(0.2))
    assert (look.step, look.reason) == (Step.UNJUDGED, "not decided after all 240 rounds")


def test_an_improvement_that_is_not_proven_passes_in_the_end() -> None:
    look = compared(halves(-0.2))
    assert (look.step, look.change.n) == (Step.PASS, 240)


def test_nothing_is_decided_while_the_null_pair_moves() -> None:
    look = compared([(1.0, 1.2)] * 240, null=[0.03] * 240)
    assert look.step is Step.UNJUDGED
    assert look.reason == "a statement that did not change moved by +3% (+3% to +3%), n=240"


def test_a_null_pair_that_settles_lets_the_rounds_decide() -> None:
    look = compared([(1.0, 1.2)] * 240, null=[0.03] * 45 + [0.0] * 195)
    assert (look.step, look.change.n) == (Step.CANDIDATE, 120)


def test_a_null_pair_whose_noise_is_all_that_moves_stops_nothing() -> None:
    null = [-0.3] * 14 + [0.03] * 2 + [0.3] * 14
    assert median(null) > math.log1p(0.025)
    assert compared([(1.0, 1.2)] * 30, null=null).step is Step.CANDIDATE


def test_a_null_pair_may_move_by_half_the_threshold() -> None:
    assert compared([(1.0, 1.2)] * 30, null=[0.024] * 30).step is Step.CANDIDATE
    assert compared([(1.0, 1.2)] * 30, null=[-0.026] * 30).step is Step.MORE


@pytest.mark.parametrize(
    ("ratio", "n", "step"),
    [(1.2, 10, Step.CANDIDATE), (1.2, 9, Step.UNJUDGED), (1.0, 7, Step.PASS), (1.0, 6, Step.UNJUDGED)],
)
def test_the_cap_decides_with_what_there_is(ratio: float, n: int, step: Step) -> None:
    """0.5¹⁰ < 0.1 %, 0.5⁷ < 1 %: fewer rounds bound nothing."""
    comparison = Comparison(0.1)
    for _ in range(n):
        comparison.add(1.0, ratio, STILL)
    look = comparison.stop("the cap was reached")
    assert look.step is step
    assert look.reason == ("the cap was reached" if step is Step.UNJUDGED else "")


def test_the_cap_without_a_round() -> None:
    look = Comparison(0.1).stop("the cap was reached")
    assert (look.step, str(look.change), look.saved) == (Step.UNJUDGED, "n=0", 240)


def test_twelve_fresh_pairs_may_suffice() -> None:
    assert compared([(1.0, 1.12)] * 12, looks=FRESH_PAIRS).step is Step.CANDIDATE
    assert compared([(1.0, 1.01)] * 12, looks=FRESH_PAIRS).step is Step.PASS


def test_a_change_in_words() -> None:
    assert str(changed([math.log(1.1)] * 30)) == "+10% (+10% to +10%), n=30"
    assert str(changed([math.log(1.1)] * 3)) == "+10%, n=3"
    assert str(Change(60, -0.0213, -0.031, 0.0004)) == "-2.1% (-3.1% to +0%), n=60"


@pytest.mark.parametrize(("old", "new"), [(0.0, 1.0), (1.0, 0.0), (-1.0, 1.0)])
def test_a_duration_is_above_0(old: float, new: float) -> None:
    with pytest.raises(ValueError, match="durations must be above 0"):
        log_ratio(old, new)


# Laws.


@given(rounds, regressions, st.sampled_from([2.0**-10, 2.0**3, 2.0**20]))
def test_another_unit_decides_the_same(pairs: list[tuple[float, float]], regress: float, unit: float) -> None:
    looks = (12, 30)
    scaled = [(old * unit, new * unit) for old, new in pairs]
    assert compared(scaled, regress, looks) == compared(pairs, regress, looks)


@given(changes, changes, regressions, st.randoms(use_true_random=False))
def test_the_order_of_rounds_does_not_matter(
    values: list[float], null: list[float], regress: float, order: random.Random
) -> None:
    shuffled, other = list(values), list(null)
    order.shuffle(shuffled)
    order.shuffle(other)
    assert decide(shuffled, other, regress) is decide(values, null, regress)


@given(changes, regressions)
def test_exchanging_head_and_reference_exchanges_candidate_and_improved(values: list[float], regress: float) -> None:
    mirrored = {Step.CANDIDATE: Step.IMPROVED, Step.IMPROVED: Step.CANDIDATE}
    there, back = decide(values, [0.0], regress), decide([-value for value in values], [0.0], regress)
    assert mirrored.get(there) is (back if back in mirrored else None)


@given(changes, regressions, st.floats(0, 0.3))
def test_a_slower_head_is_never_judged_better(values: list[float], regress: float, more: float) -> None:
    rank = [Step.IMPROVED, Step.PASS, Step.CANDIDATE]
    before = decide(values, [0.0], regress)
    after = decide([value + more for value in values], [0.0], regress)
    if before in rank and after in rank:
        assert rank.index(after) >= rank.index(before)
    if before is Step.CANDIDATE:
        assert after is Step.CANDIDATE


@given(changes, regressions)
def test_a_wider_margin_never_makes_a_candidate(values: list[float], regress: float) -> None:
    if decide(values, [0.0], regress * 2) is Step.CANDIDATE:
        assert decide(values, [0.0], regress) is Step.CANDIDATE


@given(changes)
def test_the_interval_encloses_the_median(values: list[float]) -> None:
    change = changed(values)
    assert change.lower <= math.expm1(median(values)) <= change.upper


# Simulation.


@pytest.mark.parametrize("n", [30, 120])
def test_the_interval_covers_the_change_as_often_as_it_says(n: int) -> None:
    draw, runs, truth = random.Random(5), 1500, math.expm1(0.07)
    covered = 0
    for _ in range(runs):
        change = changed([log_ratio(old, new) for old, new in drawn(draw, 0.07, 0.08, n)])
        covered += change.lower <= truth <= change.upper
    assert covered / runs >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / runs)


@pytest.mark.parametrize(("shift", "wrong"), [(0.0, Step.CANDIDATE), (math.log(1.1), Step.PASS)])
def test_one_connection_is_seldom_wrong(shift: float, wrong: Step) -> None:
    draw = random.Random(11)
    steps = [compared(drawn(draw, shift, 0.08)).step for _ in range(400)]
    assert steps.count(wrong) <= 4


def test_an_unchanged_statement_costs_few_rounds() -> None:
    draw = random.Random(13)
    assert median(compared(drawn(draw, 0.0, 0.05)).change.n for _ in range(200)) <= 60


@given(st.lists(st.floats(0.01, 100.0), min_size=LOOKS[0], max_size=LOOKS[0]))
def test_where_no_slowdown_must_be_caught_the_first_look_passes(changed: list[float]) -> None:
    look = compared([(1.0, one) for one in changed], math.inf, null=[0.3] * len(changed))
    assert (look.step, look.change.n) == (Step.PASS, LOOKS[0])
