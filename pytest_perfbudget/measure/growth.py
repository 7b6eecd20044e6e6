"""``growth``: whether work or time stays below its bound as tables grow, and where the plan flips.

Beyond its bound is a figure that grew by more than the bound between the smallest and the largest size, or whose fitted
exponent is above the bound's, however large the part is that does not grow, and that still grows so at the largest
sizes. A single step, as a B-tree's next level makes, is no exponent. Neither is what levels off: the hundred rows that
an index finds are on all ten blocks of a small table, and on a hundred of a large one, whatever its size.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from pytest_perfbudget.measure.bound import Bound
from pytest_perfbudget.measure.exponent import MODEL, Exponent, fit
from pytest_perfbudget.measure.sampling import State
from pytest_perfbudget.measure.statistics import percentile
from pytest_perfbudget.units import format_count

SIZES, RANGE = 4, 8
"""The fewest sizes, and the least ratio of the largest to the smallest: less does not tell one law from another."""
SLACK, TIME_SLACK = 0.1, 0.3
"""Of an exponent and of a factor, for counts and for times: caches and memory make times grow faster than work."""
SETTLED = 3
"""Sizes of the last plan, where they do not suffice for an exponent, that tell that it grows no more than its bound."""
DRIFT = 0.05
"""Standard deviation of the logarithm of a minimum between moments: what a size's own samples do not show."""
TAIL = 4
"""The ratio of sizes over which it is looked at whether a figure still grows."""
LEVELLING = 0.75
"""A power over the last tail that is below it, and below it times that of the tail before, levels off."""
FEWEST = 6
"""Samples of a time at each size."""
_NORMAL = 1.96


@dataclass(frozen=True, slots=True)
class Point:
    """A figure at a size (rows, at least 2), with its 95 % interval; ``plan`` is the fingerprint, empty if unknown."""

    size: float
    figure: float
    lower: float
    upper: float
    plan: str = ""


@dataclass(frozen=True, slots=True)
class Flip:
    """The plan is another one between two sizes that follow each other."""

    below: float
    above: float
    old: str
    new: str

    @property
    def middle(self) -> int:
        """The size that narrows it down best."""
        return round(math.sqrt(self.below * self.above))

    def __str__(self) -> str:
        return f"the plan flips between {format_count(self.below)} and {format_count(self.above)} rows"


@dataclass(frozen=True, slots=True)
class Growth:
    """What the points say about the bound; ``exponent`` is None where there are too few."""

    state: State
    reason: str
    exponent: Exponent | None
    flips: tuple[Flip, ...]


def counted(size: float, figure: float, plan: str = "") -> Point:
    """An exact figure: blocks, rows."""
    return Point(size, figure, figure, figure, plan)


def timed(size: float, samples: Sequence[float], plan: str = "") -> Point:
    """The minimum of at least 6 samples, in seconds or in units of reference queries beside them: what disturbs an
    execution only adds to it, and a longer one is disturbed more.

    How far the fastest quarter spreads tells how much the minimum itself is disturbed; the interval allows twice that
    downwards, and what the machine does between two sizes.

    Raises:
        ValueError: there are fewer samples.
    """
    if len(samples) < FEWEST:
        raise ValueError(f"{len(samples)} samples of a time, {FEWEST} are needed")
    least, quartile = min(samples), percentile(samples, 0.25)
    drift = math.exp(_NORMAL * DRIFT)
    lower = max(least - 2 * (quartile - least), least / 10)
    return Point(size, least, lower / drift, quartile * drift, plan)


def judge_growth(points: Sequence[Point], bound: Bound, grain: float = 0.0, slack: float = SLACK) -> Growth:
    """Within the bound, beyond it, or undecided.

    ``points`` have different sizes; ``grain`` is the least difference of a figure that means anything, in its unit: 8
    for blocks, 0 for times, whose ``slack`` is :data:`TIME_SLACK`.
    """
    ordered = sorted(points, key=lambda point: point.size)
    flips = tuple(found_flips(ordered))
    if lacking := _lacking(ordered):
        return Growth(State.UNDECIDED, lacking, None, flips)
    settled = _settled(ordered, flips)
    exponent = fit([p.size for p in settled], [p.figure for p in settled], [_error(p, grain) for p in settled])
    state = _state(settled, bound, grain, slack, exponent)
    first, last = settled[0], settled[-1]
    grows = exponent if exponent.flat or _steps(settled, grain) != 1 else "grows in one step"
    seen = f"{grows} from {format_count(first.size)} to {format_count(last.size)} rows, allowed {bound.text}"
    return Growth(state, "; ".join([seen, *map(str, flips)]), exponent, flips)


def found_flips(ordered: Sequence[Point]) -> Iterator[Flip]:
    """Where two known plans differ, by size."""
    known = [point for point in ordered if point.plan]
    for below, above in pairwise(known):
        if below.plan != above.plan:
            yield Flip(below.size, above.size, below.plan, above.plan)


def _settled(ordered: Sequence[Point], flips: Sequence[Flip]) -> Sequence[Point]:
    """The points of the last plan, if they suffice: how work grew under another plan is not how it will."""
    last = [point for point in ordered if not flips or point.size >= flips[-1].above]
    return ordered if _lacking(last) else last


def _lacking(ordered: Sequence[Point]) -> str:
    if len(ordered) < SIZES:
        return f"{len(ordered)} of the {SIZES} sizes needed"
    if ordered[-1].size < RANGE * ordered[0].size:
        return f"the largest size is less than {RANGE} times the smallest"
    return ""


def _state(ordered: Sequence[Point], bound: Bound, grain: float, slack: float, exponent: Exponent) -> State:
    first, last = ordered[0], ordered[-1]
    factor = bound.factor(first.size, last.size) * (1 + slack)
    allowed = _own(bound, ordered) + slack
    if not bound.constant and exponent.upper <= allowed:
        return State.WITHIN
    grown = last.lower > max(first.upper * (1 + slack), first.upper + grain)
    by_exponent = not bound.constant and grown and exponent.lower > allowed and _steps(ordered, grain) > 1
    if last.lower > (first.upper + grain) * factor or by_exponent:
        return State.WITHIN if _since_the_flip(ordered, bound, grain, slack) else _at_the_end(ordered, bound, grain)
    within = _below(ordered, bound, grain, slack) or _levels(ordered, bound, grain)
    return State.WITHIN if within else State.UNDECIDED


def _levels(ordered: Sequence[Point], bound: Bound, grain: float) -> bool:
    """Whether the figure grew by no more than the bound at its end, under one plan."""
    last, before = ordered[-1], _tail(ordered)
    if before is None or before.plan != last.plan:
        return False
    return last.upper <= max(before.lower * bound.factor(before.size, last.size), before.lower + grain)


def _at_the_end(ordered: Sequence[Point], bound: Bound, grain: float) -> State:
    """Of a figure that has grown beyond its bound: whether it still does, or levels off."""
    last, before = ordered[-1], _tail(ordered)
    if before is None:
        return State.BEYOND
    if _levels(ordered, bound, grain):
        return State.WITHIN
    earlier = _tail(ordered[: ordered.index(before) + 1])
    if earlier is None or not earlier.plan == before.plan == last.plan:
        return State.BEYOND
    now, then = _power(before, last), _power(earlier, before)
    return State.UNDECIDED if now < LEVELLING * min(1.0, then) else State.BEYOND


def _tail(ordered: Sequence[Point]) -> Point | None:
    """The largest size that the last one is far enough above."""
    last = ordered[-1]
    return next((point for point in reversed(ordered) if point.size * TAIL <= last.size * (1 + SLACK)), None)


def _power(below: Point, above: Point) -> float:
    if min(below.figure, above.figure) <= 0:
        return math.inf if above.figure > below.figure else 0.0
    return math.log(above.figure / below.figure) / math.log(above.size / below.size)


def _below(ordered: Sequence[Point], bound: Bound, grain: float, slack: float) -> bool:
    """Whether the largest size's figure is no more than the bound makes of the smallest's, or of the first one's of the
    last plan if at least :data:`SETTLED` sizes have it."""
    return _no_more(ordered[0], ordered[-1], bound, grain, slack) or _since_the_flip(ordered, bound, grain, slack)


def _since_the_flip(ordered: Sequence[Point], bound: Bound, grain: float, slack: float) -> bool:
    """Whether enough sizes of the last plan show that it grows no more than its bound."""
    flips = list(found_flips(ordered))
    settled = [point for point in ordered if flips and point.size >= flips[-1].above]
    return len(settled) >= SETTLED and _no_more(settled[0], settled[-1], bound, grain, slack)


def _no_more(start: Point, last: Point, bound: Bound, grain: float, slack: float) -> bool:
    """Whether a figure grew by no more than the bound allows."""
    return last.upper <= max(start.lower * bound.factor(start.size, last.size) * (1 + slack), start.lower + grain)


def _own(bound: Bound, ordered: Sequence[Point]) -> float:
    """The exponent that the bound itself has at these sizes: n log n is a little above 1."""
    values = [bound.at(point.size) for point in ordered]
    return fit([point.size for point in ordered], values, values).value


def _steps(ordered: Sequence[Point], grain: float) -> int:
    """How often the figure grew by more than its error from one size to the next."""
    return sum(above.lower - below.upper > max(grain / 4, MODEL * below.figure) for below, above in pairwise(ordered))


def _error(point: Point, grain: float) -> float:
    """The standard error of a figure, above 0."""
    measured = (point.upper - point.lower) / (2 * _NORMAL)
    return math.sqrt(measured**2 + (MODEL * point.figure) ** 2 + (grain / 4) ** 2) or 1e-12
