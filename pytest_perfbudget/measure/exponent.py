"""By which power figures grow with size: ``figure = a + c·nᵏ``, with an interval for k.

The constant ``a`` is what makes a straight line through logarithms wrong: a query that reads 100 blocks and one more
for every thousand rows looks flat at first. For each k the best a and c ≥ 0 follow by weighted least squares; k itself
by trying, and its interval holds each k that fits nearly as well (the likelihood ratio, scaled where even the best
fits badly). In the limit k = 0 the curve is a + c·log n.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from pytest_perfbudget.measure.bound import LARGEST

STEP = 0.02
MODEL = 0.03
"""Share by which a figure may differ from such a curve, however exactly it was counted: pages, levels, batches."""
_CHI_SQUARED = 3.841
"""The 95 % quantile with one degree of freedom."""
_PARAMETERS = 3


@dataclass(frozen=True, slots=True)
class Exponent:
    """k with a 95 % interval; ``upper`` is ∞ where nothing bounds it from above, as with figures that do not grow."""

    value: float
    lower: float
    upper: float
    flat: bool = False

    def __str__(self) -> str:
        if self.flat:
            return "does not grow"
        shown = "log n" if self.value < STEP / 2 else f"n^{self.value:.2f}"
        upper = f"{self.upper:.2f}" if math.isfinite(self.upper) else "unknown"
        return f"grows as {shown} (exponent {self.lower:.2f} to {upper})"


def fit(sizes: Sequence[float], figures: Sequence[float], errors: Sequence[float]) -> Exponent:
    """The exponent of at least four figures at different sizes, each with its standard error above 0."""
    weights = [1 / error**2 for error in errors]
    total = math.fsum(weights)
    centre = _weighted(figures, weights) / total
    centred = [figure - centre for figure in figures]
    constant = _weighted([figure**2 for figure in centred], weights)
    curves = _curves(tuple(size / sizes[0] for size in sizes))
    misfits = [max(constant - _explained(curve, centred, weights, total), 0.0) for curve in curves]
    best = min(misfits)
    allowed = best + _CHI_SQUARED * max(best / max(len(sizes) - _PARAMETERS, 1), 1.0)
    fitting = [number * STEP for number, misfit in enumerate(misfits) if misfit <= allowed]
    flat = constant <= allowed
    upper = math.inf if fitting[-1] >= LARGEST - STEP / 2 else fitting[-1]
    return Exponent(misfits.index(best) * STEP, 0.0 if flat else fitting[0], upper, flat)


@lru_cache(maxsize=64)
def _curves(sizes: tuple[float, ...]) -> tuple[tuple[float, ...], ...]:
    """(nᵏ − 1)/k, which is log n at 0, at each size for each k that is tried."""
    ks = [number * STEP for number in range(round(LARGEST / STEP) + 1)]
    return tuple(tuple(math.expm1(k * math.log(n)) / k if k else math.log(n) for n in sizes) for k in ks)


def _explained(curve: Sequence[float], centred: Sequence[float], weights: Sequence[float], total: float) -> float:
    """By how much a + c·curve with the best c ≥ 0 fits better than a constant, in χ²."""
    middle = _weighted(curve, weights) / total
    along = across = 0.0
    for x, y, weight in zip(curve, centred, weights, strict=True):
        along += weight * (x - middle) * y
        across += weight * (x - middle) ** 2
    return along**2 / across if along > 0 else 0.0


def _weighted(values: Sequence[float], weights: Sequence[float]) -> float:
    return math.fsum(weight * value for weight, value in zip(weights, values, strict=True))
