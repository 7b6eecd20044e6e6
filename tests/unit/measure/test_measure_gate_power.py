"""The short form of ``tests/benchmarks/gate_power.py``: our gates on a part of the recorded samples, whose README is
there. What is asserted is what a budget relies on: an unchanged statement is no alarm, a slower one is caught."""

from __future__ import annotations

import math
import random
import sys
from pathlib import Path
from statistics import median

import pytest

from pytest_perfbudget.measure.paired import Step

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from gate_power import SHORT, Tallies, Tally, clopper_pearson, measure, rows
from gate_rules import PAIRED, RULES, looked, rank_test, split_noise
from gate_samples import EFFECTS, LAYOUTS, Recording

RECORDING = Recording(SHORT)
OURS = tuple(rule for rule in RULES if "latency." in rule.name)
NAIVE = tuple(rule for rule in RULES if rule.name == "pytest-benchmark mean:10%")


@pytest.fixture(scope="module")
def tallies() -> Tallies:
    return measure(RECORDING, [*OURS, *NAIVE])


def test_no_gate_of_ours_is_wrong(tallies: Tallies) -> None:
    alarms = {at: tally["null"].failed for at, tally in tallies.items() if "latency." in at[0]}
    assert len(alarms) == 8
    assert set(alarms.values()) == {0}


@pytest.mark.parametrize("layout", ["two schemas", "one backend", "pinned"])
def test_ten_percent_are_caught_on_one_backend(layout: str, tallies: Tallies) -> None:
    tally = tallies["paired (latency.regress)", layout]
    assert tally["+10 %"].rate >= 0.95
    assert tally["+10 %"].failed + tally["+10 %"].unjudged == tally["+10 %"].cases
    assert tally["null"].unjudged <= 0.05 * tally["null"].cases
    assert median(tally["null"].rounds) == 30


def test_a_busy_machine_costs_rounds_and_power_but_no_false_alarm(tallies: Tallies) -> None:
    tally = tallies["paired (latency.regress)", "busy machine"]
    assert (tally["null"].failed, tally["null"].unjudged) == (0, 0)
    assert tally["+10 %"].failed + tally["+10 %"].unjudged == tally["+10 %"].cases
    assert tally["+10 %"].rate > 0.6


def test_twenty_percent_are_always_caught(tallies: Tallies) -> None:
    assert tallies["paired (latency.regress)", "one backend"]["+20 %"].rate == 1.0
    assert tallies["stored (latency.baseline), 15 %", "another run"]["+20 %"].rate == 1.0


def test_two_long_lived_backends_are_not_judged(tallies: Tallies) -> None:
    """What differs is the backends, and the null pair says so: neither alarm nor pass of a slower statement."""
    tally = tallies["paired (latency.regress)", "two backends"]
    assert tally["null"].unjudged > tally["null"].cases / 2
    assert tally["+10 %"].unjudged + tally["+10 %"].failed >= 0.85 * tally["+10 %"].cases


def test_the_stored_figure_sees_no_ten_percent(tallies: Tallies) -> None:
    assert tallies["stored (latency.baseline), 15 %", "another run"]["+10 %"].rate < 0.1


def test_the_mean_of_another_run_is_noise(tallies: Tallies) -> None:
    lower, _ = clopper_pearson(*_counts(tallies["pytest-benchmark mean:10%", "another run"]["null"]))
    assert lower > 0.1


def _counts(tally: Tally) -> tuple[int, int]:
    return tally.failed, tally.cases


def test_no_look_calls_a_slower_statement_unchanged() -> None:
    steps = [looked(case.first).step for case in RECORDING.cases("one backend") if case.effect != "null"]
    assert Step.PASS not in steps
    assert Step.IMPROVED not in steps


def test_every_rule_says_where_it_is_published_and_has_a_row() -> None:
    assert all(rule.published for rule in RULES)
    assert len({rule.name for rule in RULES}) == len(RULES)
    names = " ".join(rule.name for rule in RULES)
    for tool in ("pytest-benchmark", "pgTAP", "ClickHouse", "DuckDB", "benchstat", "asv", "RegreSQL"):
        assert tool in names
    assert {layout for rule in RULES for layout in rule.where} == set(LAYOUTS)


def test_a_row_has_the_rates_with_their_bounds(tallies: Tallies) -> None:
    first = next(rows(tallies, OURS))
    assert first[:2] == ["paired (latency.regress)", "two schemas *"]
    assert first[2] == "0.0% (0.0%–7.4%) 0/48, 1 unjudged"
    assert first[4] == ""


@pytest.mark.parametrize(
    ("hits", "of", "bounds"), [(0, 600, (0.0, 0.00613)), (5, 100, (0.0164, 0.1128)), (20, 20, (0.8316, 1.0))]
)
def test_clopper_pearson(hits: int, of: int, bounds: tuple[float, float]) -> None:
    assert clopper_pearson(hits, of) == pytest.approx(bounds, abs=1e-4)


def test_the_rank_test_is_exact() -> None:
    assert rank_test([1, 2, 3, 4], [5, 6, 7, 8]) == pytest.approx(2 / math.comb(8, 4))
    assert rank_test(range(10), range(100, 110)) == pytest.approx(2 / math.comb(20, 10))
    assert rank_test([1, 4, 5], [2, 3, 6]) == pytest.approx(1.0)
    assert rank_test([1.0] * 5, [1.0] * 5) == 1.0


def test_random_splits_of_equal_samples_do_not_differ() -> None:
    draw = random.Random(2)
    assert split_noise([1.0] * 20, [1.0] * 20, 0.99) == 0.0
    noise = split_noise([draw.gauss(0, 1) for _ in range(100)], [draw.gauss(0, 1) for _ in range(100)], 0.95)
    assert noise == pytest.approx(1.96 * math.sqrt(math.pi / 2 * 2 / 100), rel=0.35)


def test_recordings_are_read_as_they_were_written() -> None:
    array, names = RECORDING.quiet
    assert names == ["T1a", "T1b", "T1_10", "T1_20", "T2a", "T2b", "T2_10", "T2_20", "R1", "R2"]
    assert array.shape == (28, 240, 10)
    assert [array.column(0, place)[0] for place in range(3)] == [1_475_700, 1_587_700, 1_724_300]
    assert len(array.column(27, 9)) == 240
    medians = [median(array.column(run, names.index("T1_10"))) for run in range(28)]
    assert 0.8e6 < median(medians) < 1.3e6


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_has_cases_of_each_effect_it_recorded(layout: str) -> None:
    effects = {case.effect for case in RECORDING.cases(layout)}
    assert effects == set(EFFECTS if layout in ("one backend", "two backends", "another run") else EFFECTS[:2])
    assert layout in PAIRED or layout in ("fresh pairs", "another run")
