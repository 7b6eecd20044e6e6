from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_perfbudget.measure import statistics as s

samples = st.lists(st.floats(1e-6, 10.0), min_size=1, max_size=150)
quantiles = st.sampled_from([0.5, 0.95, 0.99])
confidences = st.sampled_from([0.9, 0.95, 0.999])


@pytest.mark.parametrize(("q", "n"), [(0.95, 59), (0.99, 299), (0.5, 5)])
def test_needed_at_95_percent(q: float, n: int) -> None:
    assert s.needed(q, 0.95) == n
    assert s.quantile_bounds(range(n), q, 0.95)[1] == n - 1
    assert s.quantile_bounds(range(n - 1), q, 0.95)[1] == math.inf


def test_ranks_agree_with_the_tables() -> None:
    """Conover, table A3, n = 20, p = 0.5: P(Bin ≤ 14) = 0.9793, P(Bin ≤ 13) = 0.9423."""
    assert s.quantile_bounds(range(1, 21), 0.5, 0.95) == (6, 15)


def test_percentile_is_a_sample() -> None:
    values = list(range(1, 101))
    assert [s.percentile(values, q) for q in (0.5, 0.95, 0.99, 1.0)] == [50, 95, 99, 100]
    with pytest.raises(ValueError, match="no samples"):
        s.percentile([], 0.5)


@given(samples, quantiles, confidences)
def test_bounds_enclose_the_percentile(values: list[float], q: float, confidence: float) -> None:
    low, high = s.quantile_bounds(values, q, confidence)
    assert low <= s.percentile(values, q) <= high


@given(samples, quantiles, confidences)
def test_more_confidence_is_never_narrower(values: list[float], q: float, confidence: float) -> None:
    low, high = s.quantile_bounds(values, q, confidence)
    lower, higher = s.quantile_bounds(values, q, 1 - (1 - confidence) / 4)
    assert lower <= low
    assert high <= higher


@given(samples, st.sampled_from(["p50", "p95", "p99", "mean"]), st.sampled_from([1e-3, 1e3, 2.0]))
def test_another_unit_gives_the_same_bounds(values: list[float], name: str, scale: float) -> None:
    before = s.bounds(values, name, 0.95)
    after = s.bounds([value * scale for value in values], name, 0.95)
    assert after == pytest.approx(tuple(bound * scale for bound in before), rel=1e-6, abs=1e-9)


@given(samples, st.randoms(use_true_random=False), st.sampled_from(["p95", "mean"]))
def test_the_order_of_samples_does_not_matter(values: list[float], order: random.Random, name: str) -> None:
    shuffled = list(values)
    order.shuffle(shuffled)
    assert s.bounds(shuffled, name, 0.95) == pytest.approx(s.bounds(values, name, 0.95))


@given(samples, st.floats(0, 5), quantiles)
def test_slower_samples_never_lower_a_bound(values: list[float], more: float, q: float) -> None:
    before, after = (s.quantile_bounds(v, q, 0.95) for v in (values, [value + more for value in values]))
    assert after >= before


@pytest.mark.parametrize(("q", "n"), [(0.5, 24), (0.95, 96), (0.99, 400)])
def test_each_bound_covers_the_quantile_as_often_as_it_says(q: float, n: int) -> None:
    """Exponential latencies: ξq = −ln(1 − q). 2,000 series; three standard errors of room."""
    draw, truth, runs = random.Random(7), -math.log(1 - q), 2000
    low = high = 0
    for _ in range(runs):
        lower, upper = s.quantile_bounds([draw.expovariate(1) for _ in range(n)], q, 0.95)
        low += lower <= truth
        high += upper >= truth
    assert min(low, high) / runs >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / runs)


def test_the_mean_of_skewed_samples_is_covered() -> None:
    """Exponential latencies, n = 96: without the correction the upper bound covers about 92 %."""
    draw, runs = random.Random(7), 2000
    low = high = 0
    for _ in range(runs):
        lower, upper = s.mean_bounds([draw.expovariate(1) for _ in range(96)], 0.95)
        low += lower <= 1
        high += upper >= 1
    assert low / runs == pytest.approx(0.95, abs=0.02)
    assert high / runs == pytest.approx(0.95, abs=0.02)


@given(st.lists(st.floats(1e-6, 10.0), min_size=s.MEAN_NEEDS, max_size=150), confidences)
def test_bounds_enclose_the_mean(values: list[float], confidence: float) -> None:
    low, high = s.mean_bounds(values, confidence)
    assert low <= s.mean(values) + 1e-12
    assert s.mean(values) - 1e-12 <= high


def test_one_execution_that_was_held_up_proves_no_slow_mean() -> None:
    """47 of a millisecond and one of a hundred, a mean of 3.06 ms: another 48 may well have none."""
    low, high = s.mean_bounds([0.001] * 47 + [0.1], 0.9995)
    assert low < 0.001
    assert 0.01 < high < 0.1


@given(st.floats(-8, 8), st.floats(0.01, 1), st.integers(s.MEAN_NEEDS, 1000))
def test_what_is_skewed_is_what_the_equation_says(skewness: float, distance: float, n: int) -> None:
    w = s._skewed(distance, skewness, n)
    found = w + skewness * w**2 / 3 + skewness**2 * w**3 / 27 + skewness / (6 * n)
    assert found == pytest.approx(distance, abs=1e-6)


def test_a_mean_within_its_budget_is_not_beyond_it_by_executions_that_are_held_up() -> None:
    """One of 100 takes a hundred times as long, the mean is 1.99; 48 of them are above 2 in three cases of eight."""
    draw, runs = random.Random(7), 2000
    series = ([100.0 if draw.random() < 0.01 else 1.0 for _ in range(48)] for _ in range(runs))
    assert sum(s.mean_bounds(one, 0.9995)[0] > 2 for one in series) <= 2


def test_the_mean_of_few_samples_has_no_bound() -> None:
    assert s.mean_bounds([1.0] * (s.MEAN_NEEDS - 1), 0.95) == (-math.inf, math.inf)
    assert s.mean_bounds([1.0] * s.MEAN_NEEDS, 0.95) == (1.0, 1.0)


def test_the_t_quantile() -> None:
    assert s.student(0.95, 29) == pytest.approx(1.6991, abs=1e-3)
    assert s.student(0.999, 95) == pytest.approx(3.1768, abs=2e-2)


def test_summary() -> None:
    latency = s.summary([0.001 * n for n in range(1, 101)], (0.09, 0.1))
    assert (latency.n, latency.p50, latency.p95, latency.p99) == pytest.approx((100, 0.05, 0.095, 0.099))
    assert (latency.mean, latency.interval) == (pytest.approx(0.0505), (0.09, 0.1))


def test_share_bounds_agree_with_the_tables() -> None:
    """Clopper and Pearson, 1934: 0 of 10 at 95 % is at most 25.9 %; the rule of three for many trials."""
    assert s.share_bounds(0, 10, 0.95) == (0.0, pytest.approx(0.2589, abs=1e-4))
    assert s.share_bounds(10, 10, 0.95) == (pytest.approx(0.7411, abs=1e-4), 1.0)
    assert s.share_bounds(3, 20, 0.975) == (pytest.approx(0.0321, abs=1e-4), pytest.approx(0.3789, abs=1e-4))
    assert s.share_bounds(0, 1000, 0.95)[1] == pytest.approx(3 / 1000, rel=0.01)


@given(st.integers(1, 400), st.data(), confidences)
def test_share_bounds_enclose_the_share(of: int, data: st.DataObject, confidence: float) -> None:
    found = data.draw(st.integers(0, of))
    low, high = s.share_bounds(found, of, confidence)
    assert 0 <= low <= found / of <= high <= 1
    assert s.share_bounds(found, of + 10, confidence)[1] <= high + 1e-9


@pytest.mark.parametrize(("found", "of"), [(0, 0), (2, 1), (-1, 5)])
def test_what_is_no_share(found: int, of: int) -> None:
    with pytest.raises(ValueError, match="is no share"):
        s.share_bounds(found, of, 0.95)
