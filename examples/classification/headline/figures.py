"""From slices to the rows of the table: ratios of after to before, each with its interval."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from headline.rounds import Measured, Outcome
from headline.steps import NAMES
from pytest_perfbudget.measure.statistics import student

_SHOWN = 0.975
"""Confidence of either end of an interval: 95 % together."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Row:
    """``change`` is after/before − 1 with its interval; of the hit rate the rate itself. ``target`` is what the issue
    asks of it, ``reference`` what it is held against."""

    name: str
    unit: str
    before: float
    after: float
    change: Interval
    reference: float
    target: float

    @property
    def reached(self) -> bool:
        """Whether the estimate is at the target or beyond."""
        return self.change.value >= self.target if self.target > 0 else self.change.value <= self.target


@dataclass(frozen=True, slots=True)
class Without:
    """What leaving one step out does: each figure without it, as a multiple of the figure with all."""

    step: str
    response: Interval
    connection: Interval
    memory: Interval
    cpu: Interval
    throughput: Interval


Figure = Callable[[Measured], float]


def response(slice_: Measured) -> float:
    return slice_.sums.response / max(slice_.sums.requests, 1)


def connection(slice_: Measured) -> float:
    return slice_.sums.connection / max(slice_.sums.requests, 1)


def memory(slice_: Measured) -> float:
    return slice_.memory


def cpu(slice_: Measured) -> float:
    return slice_.cpu / max(slice_.sums.requests, 1)


def throughput(slice_: Measured) -> float:
    return slice_.sums.requests / slice_.seconds


def client_cpu(slice_: Measured) -> float:
    return slice_.sums.cpu / max(slice_.sums.requests, 1)


def hit_rate(slice_: Measured) -> float:
    """Of all reads that asked the cache; those that waited for another's execution are none."""
    counts = slice_.sums.counts
    asked = counts["hits"] + counts["shared"] + counts["executed"]
    return counts["hits"] / asked if asked else 0.0


ROWS: tuple[tuple[str, str, Figure, float, float], ...] = (
    ("average query response time", "s", response, -0.60, -0.90),
    ("connection time", "s", connection, -0.79, -0.99),
    ("memory of the server's processes", "B", memory, -0.33, -0.40),
    ("CPU per request", "s", cpu, -0.35, -0.60),
    ("throughput", "calls/s", throughput, 1.53, 6.00),
)
"""Name, unit, figure, reference, target."""


def rows(outcome: Outcome) -> list[Row]:
    """Those of the table, in its order."""
    found = [
        Row(name, unit, *_means(figure, outcome), _change(figure, outcome), reference, target)
        for name, unit, figure, reference, target in ROWS
    ]
    rates = [hit_rate(one) for one in outcome.after]
    rate = interval(rates)
    return [*found, Row("cache hit rate", "%", 0.0, rate.value, rate, 0.87, 0.95)]


def without(outcome: Outcome) -> list[Without]:
    """The share of each step, by leaving it out."""
    figures = (response, connection, memory, cpu, throughput)
    return [
        Without(NAMES[step], *(ratio(figure, slices, outcome.complete) for figure in figures))
        for step, slices in outcome.without.items()
        if slices
    ]


def total(slices: Iterable[Measured], count: str) -> int:
    """A count of the cache or of the checks, over slices."""
    return sum(one.sums.counts[count] for one in slices)


def ratio(figure: Figure, ours: Sequence[Measured], theirs: Sequence[Measured]) -> Interval:
    """Ours as a multiple of theirs, the geometric mean over rounds."""
    pairs = [(figure(one), figure(other)) for one, other in zip(ours, theirs, strict=True)]
    if not all(a > 0 and b > 0 for a, b in pairs):
        return Interval(*(fmean(a for a, _ in pairs) / (fmean(b for _, b in pairs) or math.inf),) * 3)
    found = interval([math.log(a / b) for a, b in pairs])
    return Interval(math.exp(found.value), math.exp(found.low), math.exp(found.high))


def interval(values: Sequence[float]) -> Interval:
    """The mean with Student's interval; of one value no width is known."""
    centre = fmean(values)
    if len(values) < 2:
        return Interval(centre, -math.inf, math.inf)
    half = student(_SHOWN, len(values) - 1) * stdev(values) / math.sqrt(len(values))
    return Interval(centre, centre - half, centre + half)


def _means(figure: Figure, outcome: Outcome) -> tuple[float, float]:
    return fmean(map(figure, outcome.before)), fmean(map(figure, outcome.after))


def _change(figure: Figure, outcome: Outcome) -> Interval:
    found = ratio(figure, outcome.after, outcome.before)
    return Interval(found.value - 1, found.low - 1, found.high - 1)
