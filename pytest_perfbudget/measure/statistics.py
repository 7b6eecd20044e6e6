"""Bounds of quantiles and means, and the summary of a series of samples.

Quantiles: order statistics, exact and free of assumptions about the distribution. The number of samples at or below the
q-quantile is binomial(n, q), so P(x(k) ≥ ξq) ≥ P(Bin(n, q) ≤ k−1) and P(x(k) ≤ ξq) ≥ P(Bin(n, q) ≥ k)
(Conover, Practical Nonparametric Statistics, 3rd ed., §3.2; Hahn and Meeker, Statistical Intervals, §5.2).

Means: no bound of a mean is free of assumptions. Hall's transformation of t corrects for skewness, which latencies have
(P. Hall, On the Removal of Skewness by Transformation, JRSS B 54, 1992). It is monotone, so that the bounds enclose the
mean even where one sample is far from all others; those of Johnson's modified t (JASA 73, 1978) do not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from statistics import NormalDist

from pytest_perfbudget.measure.histogram import binned
from pytest_perfbudget.model import Latency

QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
MEAN_NEEDS = 30
"""Fewest samples for a bound of the mean: below, the skewness is not known well enough to correct for it."""
_SYMMETRICAL = 1e-6
"""Skewness that counts as none: what it changes would be lost in rounding."""


def percentile(samples: Sequence[float], q: float) -> float:
    """The smallest sample that has at least the share ``q`` (0 < q ≤ 1) of all samples at or below it.

    Raises:
        ValueError: there is no sample.
    """
    if not samples:
        raise ValueError("no samples")
    # Rounded: 0.95 × 100 is 95, not the 95.00000000000001 that would give the next sample.
    return sorted(samples)[max(math.ceil(round(q * len(samples), 9)) - 1, 0)]


def mean(samples: Sequence[float]) -> float:
    """The arithmetic mean, summed without loss.

    Raises:
        ValueError: there is no sample.
    """
    if not samples:
        raise ValueError("no samples")
    return math.fsum(samples) / len(samples)


def quantile_bounds(samples: Sequence[float], q: float, confidence: float) -> tuple[float, float]:
    """Lower and upper bound of the q-quantile, each with ``confidence`` of its own (the pair has 2·confidence − 1).

    Where there are too few samples the bound is −∞ or ∞.
    """
    low, high = _ranks(len(samples), q, confidence)
    ordered = sorted(samples)
    return (ordered[low - 1] if low else -math.inf, ordered[high - 1] if high else math.inf)


def needed(q: float, confidence: float) -> int:
    """The fewest samples that can bound the q-quantile from above: 1 − qⁿ ≥ confidence. At 95 %: p95 59, p99 299."""
    return math.ceil(math.log(1 - confidence) / math.log(q) - 1e-9)


def mean_bounds(samples: Sequence[float], confidence: float) -> tuple[float, float]:
    """Lower and upper bound of the mean, each with ``confidence`` of its own; ∓∞ below :data:`MEAN_NEEDS` samples.

    Approximate: it rests on the central limit theorem, with Hall's correction for the skewness.
    """
    n = len(samples)
    if n < MEAN_NEEDS:
        return (-math.inf, math.inf)
    centre = mean(samples)
    deviation = math.sqrt(math.fsum((sample - centre) ** 2 for sample in samples) / (n - 1))
    if deviation == 0:
        return (centre, centre)
    skewness = math.fsum(((sample - centre) / deviation) ** 3 for sample in samples) / n
    half = student(confidence, n - 1) / math.sqrt(n)
    low, high = (centre - deviation * _skewed(side, skewness, n) for side in (half, -half))
    return low, high


def _skewed(distance: float, skewness: float, n: int) -> float:
    """The w for which w + γw²/3 + γ²w³/27 + γ/6n is ``distance``: symmetrical as that is, w is not."""
    if abs(skewness) < _SYMMETRICAL:
        return distance
    return 3 / skewness * (math.cbrt(1 + skewness * (distance - skewness / (6 * n))) - 1)


def share_bounds(found: int, of: int, confidence: float) -> tuple[float, float]:
    """Bounds of a probability that showed itself ``found`` times in ``of`` trials, each with ``confidence`` of its own:
    Clopper and Pearson's, exact, by bisection.

    Raises:
        ValueError: there was no trial, or more were found than tried.
    """
    if not 0 <= found <= of or not of:
        raise ValueError(f"{found} of {of} is no share")

    def at_most(k: int, p: float) -> float:
        return math.fsum(_binomial(i, of, p) for i in range(k + 1))

    low = _bisected(lambda p: 1 - at_most(found - 1, p) < 1 - confidence) if found else 0.0
    high = _bisected(lambda p: at_most(found, p) > 1 - confidence) if found < of else 1.0
    return low, high


def _bisected(below: Callable[[float], bool]) -> float:
    """Where ``below`` turns false, between 0 and 1."""
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) else (low, middle)
    return (low + high) / 2


def bounds(samples: Sequence[float], name: str, confidence: float) -> tuple[float, float]:
    """The bounds of ``p50``, ``p95``, ``p99`` or ``mean``.

    Raises:
        KeyError: another name.
    """
    if name == "mean":
        return mean_bounds(samples, confidence)
    return quantile_bounds(samples, QUANTILES[name], confidence)


def summary(samples: Sequence[float], interval: tuple[float, float] | None = None) -> Latency:
    """The figures that are shown of a series, in the unit of the samples.

    Raises:
        ValueError: there is no sample.
    """
    p50, p95, p99 = (percentile(samples, q) for q in QUANTILES.values())
    noise = (percentile(samples, 0.75) - percentile(samples, 0.25)) / 2
    return Latency(len(samples), p50, p95, p99, mean(samples), interval, noise, bars=binned(samples))


@lru_cache(maxsize=256)
def _ranks(n: int, q: float, confidence: float) -> tuple[int, int]:
    """Ranks (from 1; 0 is none) of the order statistics that bound the q-quantile from below and from above."""
    low = high = 0
    below = 0.0
    for k in range(n):
        # ``below`` is P(Bin ≤ k − 1): x(k) bounds from below if P(Bin ≥ k) = 1 − below suffices.
        if k and 1 - below >= confidence:
            low = k
        below += _binomial(k, n, q)
        if not high and below >= confidence:
            high = k + 1
    if n and 1 - below >= confidence:
        low = n
    return low, high


def _binomial(k: int, n: int, q: float) -> float:
    """P(Bin(n, q) = k), by logarithms: the factors leave the range of a float at a few hundred samples."""
    choose = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return math.exp(choose + k * math.log(q) + (n - k) * math.log1p(-q))


def student(confidence: float, freedom: int) -> float:
    """The quantile of Student's t, by the Cornish–Fisher expansion (Abramowitz and Stegun 26.7.5)."""
    z = NormalDist().inv_cdf(confidence)
    return z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
