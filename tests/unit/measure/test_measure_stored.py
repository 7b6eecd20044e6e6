from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_perfbudget.measure.stored import NEEDED, ONE_CLASS, SEVERAL_CLASSES, Recorded, judge, ratio
from pytest_perfbudget.model import Verdict

figures = st.lists(st.floats(0.97, 1.03), min_size=NEEDED, max_size=12)
durations = st.floats(1e-5, 1.0)


def runs(*values: float, machine: str = "cpu") -> list[Recorded]:
    return [Recorded(value, machine) for value in values]


def test_a_ratio_is_taken_in_each_round() -> None:
    """The machine halves its speed after two rounds; the ratio does not notice."""
    assert ratio([2.0, 2.0, 4.0, 4.0, 4.0], [[1.0, 1.0, 2.0, 2.0, 2.0]]) == pytest.approx(2.0)


def test_several_references_count_by_their_geometric_mean() -> None:
    assert ratio([6.0], [[1.0], [4.0]]) == pytest.approx(3.0)


@pytest.mark.parametrize(("samples", "references"), [([], [[]]), ([1.0], []), ([1.0], [[1.0, 2.0]]), ([0.0], [[1.0]])])
def test_what_has_no_ratio(samples: list[float], references: list[list[float]]) -> None:
    with pytest.raises(ValueError):
        ratio(samples, references)


@given(st.lists(st.tuples(durations, durations), min_size=1, max_size=30), st.sampled_from([2.0**-10, 2.0**20]))
def test_another_unit_gives_the_same_ratio(rounds: list[tuple[float, float]], unit: float) -> None:
    taken, reference = zip(*rounds, strict=True)
    scaled = ratio([one * unit for one in taken], [[one * unit for one in reference]])
    assert scaled == ratio(taken, [reference])


@given(st.lists(st.tuples(durations, durations), min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_the_order_of_rounds_does_not_matter(rounds: list[tuple[float, float]], order: random.Random) -> None:
    shuffled = list(rounds)
    order.shuffle(shuffled)
    (a, b), (c, d) = zip(*rounds, strict=True), zip(*shuffled, strict=True)
    assert ratio(a, [b]) == pytest.approx(ratio(c, [d]))


@pytest.mark.parametrize("n", [0, 1, 4])
def test_fewer_than_five_runs_are_not_judged(n: int) -> None:
    judged = judge(2.0, runs(*[1.0] * n), "cpu", 0.25)
    assert (judged.verdict, judged.reason) == (
        Verdict.UNJUDGED,
        f"{n} of the 5 recorded runs needed; with 5, this sees +29.6% or more, "
        "a paired run (--perf-against) sees less and decides",
    )
    assert judged.sees is None


def test_what_five_runs_would_see_is_what_they_see() -> None:
    assert judge(1.0, runs(*[1.0] * 5), "cpu", 0.25).reason.partition("; ")[2] in judge(1.0, [], "cpu", 0.25).reason


def test_a_machine_that_is_not_known_is_like_no_other() -> None:
    judged = judge(1.0, runs(*[1.0] * 5, machine=""), "", 0.15)
    assert (judged.verdict, judged.margin) == (Verdict.SAME, SEVERAL_CLASSES)


def test_one_class_of_cpu_holds_at_15_percent() -> None:
    judged = judge(1.16, runs(*[1.0] * 5), "cpu", 0.1)
    assert (judged.verdict, judged.margin) == (Verdict.REGRESSED, ONE_CLASS)
    assert judged.reason == (
        "+16% against 5 recorded runs on one class of CPU, allowed +15% (+10% does not hold); "
        "this sees +19.3% or more, a paired run (--perf-against) sees less and decides"
    )
    assert judge(1.14, runs(*[1.0] * 5), "cpu", 0.1).verdict is Verdict.SAME


@pytest.mark.parametrize(("figure", "verdict"), [(0.79, Verdict.IMPROVED), (0.81, Verdict.SAME)])
def test_as_much_faster_as_it_may_be_slower_is_improved(figure: float, verdict: Verdict) -> None:
    """A quarter more and a fifth less are the same factor."""
    assert judge(figure, runs(*[1.0] * 5), "cpu", 0.25).verdict is verdict


def test_several_classes_hold_at_25_percent() -> None:
    mixed = runs(*[1.0] * 3) + runs(*[1.0] * 3, machine="other")
    judged = judge(1.2, mixed, "cpu", 0.15)
    assert (judged.verdict, judged.margin, judged.n) == (Verdict.SAME, SEVERAL_CLASSES, 6)
    assert "several classes of CPU, allowed +25% (+15% does not hold)" in judged.reason
    assert judge(1.26, mixed, "cpu", 0.15).verdict is Verdict.REGRESSED


def test_runs_of_another_class_do_not_count_where_enough_are_alike() -> None:
    judged = judge(1.0, runs(*[1.0] * 5) + runs(*[3.0] * 9, machine="other"), "cpu", 0.25)
    assert (judged.verdict, judged.n) == (Verdict.SAME, 5)


def test_a_wider_margin_than_needed_is_the_users() -> None:
    judged = judge(1.35, runs(*[1.0] * 5), "cpu", 0.4)
    assert (judged.verdict, judged.margin) == (Verdict.SAME, 0.4)
    assert "allowed +40%;" in judged.reason


def test_an_improvement() -> None:
    assert judge(0.85, runs(*[1.0] * 5), "cpu", 0.15).verdict is Verdict.IMPROVED


def test_only_the_last_runs_count() -> None:
    judged = judge(2.0, runs(*[1.0] * 30, *[2.0] * 20), "cpu", 0.25)
    assert (judged.verdict, judged.n) == (Verdict.SAME, 20)


def test_recorded_runs_that_vary_too_much_are_not_judged() -> None:
    judged = judge(1.5, runs(0.9, 1.1, 1.0, 0.92, 1.08), "cpu", 0.15)
    assert judged.verdict is Verdict.UNJUDGED
    assert judged.reason == "the 5 recorded runs vary too much (±10.4%) for a margin of 15%"


@given(figures, st.floats(0.5, 2.0), st.floats(1.0, 2.0), st.sampled_from([0.15, 0.25]))
def test_a_slower_figure_is_never_judged_better(
    values: list[float], figure: float, slower: float, asked: float
) -> None:
    rank = [Verdict.IMPROVED, Verdict.SAME, Verdict.REGRESSED]
    before, after = (judge(one, runs(*values), "cpu", asked).verdict for one in (figure, figure * slower))
    assert rank.index(after) >= rank.index(before)


@given(figures, st.floats(0.5, 2.0), st.sampled_from([0.5, 4.0]))
def test_figures_of_another_scale_are_judged_the_same(values: list[float], figure: float, scale: float) -> None:
    before = judge(figure, runs(*values), "cpu", 0.25)
    after = judge(figure * scale, runs(*[value * scale for value in values]), "cpu", 0.25)
    assert (after.verdict, after.margin) == (before.verdict, before.margin)
    assert after.sees == pytest.approx(before.sees)


@given(figures, figures)
def test_more_runs_never_hide_that_there_are_enough(values: list[float], more: list[float]) -> None:
    assert judge(1.0, runs(*values, *more), "cpu", 0.25).verdict is Verdict.SAME


@pytest.mark.parametrize("spread", [0.015, 0.03])
def test_it_sees_what_it_says_and_is_seldom_wrong(spread: float) -> None:
    """Lognormal figures of 10 runs each; what the text calls visible is caught 95 times in 100, on average."""
    draw, total = random.Random(3), 1500
    caught = wrong = judged = 0
    for _ in range(total):
        recorded = runs(*[math.exp(draw.gauss(0, spread)) for _ in range(10)])
        new = math.exp(draw.gauss(0, spread))
        verdict = judge(new, recorded, "cpu", 0.15)
        if verdict.sees is None:
            continue
        judged += 1
        wrong += verdict.verdict is Verdict.REGRESSED
        caught += judge(new * (1 + verdict.sees), recorded, "cpu", 0.15).verdict is Verdict.REGRESSED
    assert judged > total / 2
    assert caught / judged >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / judged)
    assert wrong / judged <= 0.003
