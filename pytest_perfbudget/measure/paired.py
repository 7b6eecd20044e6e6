"""Is the head slower than the reference? The decision, from rounds of one execution each on one connection.

d = ln(new/old) of a round, θ the median of d, and order-statistic bounds of that median: nothing is assumed about the
distribution, and what disturbs both executions of a round cancels. τ is half the slowdown that must be caught: a head
that is so much slower is well above it, one that is unchanged well below.

The rounds are looked at four times. The errors allowed at each look are so small (0.1 % for a candidate) that several
looks do not add up to much, and a candidate is measured again before it fails (:mod:`.regression`). How often the rule
is wrong on recorded queries: ``tests/benchmarks/gate_power.py``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

from pytest_perfbudget.measure.statistics import quantile_bounds
from pytest_perfbudget.units import format_measure

LOOKS = (30, 60, 120, 240)
"""Numbers of rounds after which the rounds are looked at; all even, so that either order came equally often."""
FRESH_PAIRS = (12, 24, 48)
"""The looks where a round is a pair of fresh connections (:mod:`.fresh`). Twelve alone prove +10 % in one case of five
only, 48 in 19 of 20."""
CANDIDATE_ERROR = 0.001
PASS_ERROR = 0.01
SHOWN = 0.975
"""Confidence of either end of the interval that is shown: 95 % together."""


class Step(StrEnum):
    """What a look says. ``more``: another look will come; all others end the rounds."""

    MORE = "more"
    PASS = "pass"  # noqa: S105 - not a password
    CANDIDATE = "candidate"
    IMPROVED = "improved"
    UNJUDGED = "unjudged"


@dataclass(frozen=True, slots=True)
class Change:
    """A median change as a share (0.1 is 10 % slower), with its 95 % interval; n rounds."""

    n: int
    median: float
    lower: float
    upper: float

    def __str__(self) -> str:
        if not self.n:
            return "n=0"
        if not math.isfinite(self.lower + self.upper):
            return f"{signed(self.median)}, n={self.n}"
        return f"{signed(self.median)} ({signed(self.lower)} to {signed(self.upper)}), n={self.n}"


@dataclass(frozen=True, slots=True)
class Look:
    """A decision and what it rests on: the statement's change, and that of the null pair beside it.

    ``saved`` is the number of rounds that were not needed; ``reason`` says why nothing could be decided.
    """

    step: Step
    change: Change
    control: Change
    saved: int = 0
    reason: str = ""


def signed(share: float) -> str:
    """0.112 → ``"+11.2%"``."""
    return ("+" if share > 0 else "") + format_measure(share, "%")


def log_ratio(old: float, new: float) -> float:
    """ln(new/old).

    Raises:
        ValueError: a duration is not above 0.
    """
    if min(old, new) <= 0:
        raise ValueError(f"durations must be above 0, not {old} and {new}")
    return math.log(new / old)


def decide(changes: Sequence[float], control: Sequence[float], regress: float) -> Step:
    """The rule at one look. ``changes`` and ``control`` hold d of each round of the statement and of the null pair;
    ``regress`` is the slowdown to be caught as a share. ``more`` where neither is proven.

    Nothing is decided while the null pair moves. A statement whose median says improved, without proof
    yet, goes on: another look may prove it.
    """
    if _moved(control, regress):
        return Step.MORE
    threshold, floor = math.log1p(regress / 2), math.log1p(regress / 4)
    theta = median(changes)
    lower, upper = quantile_bounds(changes, 0.5, 1 - CANDIDATE_ERROR)
    if theta >= threshold and lower > floor:
        return Step.CANDIDATE
    if theta <= -threshold:
        return Step.IMPROVED if upper < -floor else Step.MORE
    return Step.PASS if _proven(changes, regress) else Step.MORE


class Comparison:
    """The rounds of one statement so far.

    Add a round, its two executions made in either order, then :meth:`look`. It is the same :class:`Look` for good once
    its step is not ``more``.
    """

    def __init__(self, regress: float, looks: Sequence[int] = LOOKS) -> None:
        self._regress, self._looks = regress, tuple(looks)
        self._changes: list[float] = []
        self._control: list[float] = []
        self._decided: Look | None = None

    @property
    def open(self) -> bool:
        return self._decided is None

    def add(self, old: float, new: float, control: tuple[float, float]) -> None:
        """One round: seconds of the reference, of the head, and of the null pair that ran along.

        Raises:
            ValueError: a duration is not above 0.
        """
        self._changes.append(log_ratio(old, new))
        self._control.append(log_ratio(*control))

    def look(self) -> Look:
        """The decision after the last round added, ``more`` between the looks."""
        if self._decided is not None:
            return self._decided
        n, last = len(self._changes), self._looks[-1]
        step = decide(self._changes, self._control, self._regress) if n in self._looks else Step.MORE
        if step is Step.MORE and n >= last:
            below = median(self._changes) < math.log1p(self._regress / 2)
            return self._last(below, f"not decided after all {last} rounds")
        return self._look(step)

    def stop(self, why: str) -> Look:
        """The decision with the rounds that there are; ``why`` no more will come, in words."""
        if self._decided is not None:
            return self._decided
        step = decide(self._changes, self._control, self._regress) if self._changes else Step.MORE
        if step is Step.MORE:
            return self._last(bool(self._changes) and _proven(self._changes, self._regress), why)
        return self._look(step)

    def _last(self, passes: bool, why: str) -> Look:
        """What was not decided by the last look: ``pass`` or ``unjudged``, and why."""
        if self._control and _moved(self._control, self._regress):
            return self._look(Step.UNJUDGED, f"a statement that did not change moved by {changed(self._control)}")
        return self._look(Step.PASS) if passes else self._look(Step.UNJUDGED, why)

    def _look(self, step: Step, reason: str = "") -> Look:
        change = changed(self._changes)
        look = Look(step, change, changed(self._control), max(self._looks[-1] - change.n, 0), reason)
        if step is not Step.MORE:
            self._decided = look
        return look


def changed(changes: Sequence[float]) -> Change:
    """The median of d as a share, with its interval."""
    if not changes:
        return Change(0, 0.0, -math.inf, math.inf)
    lower, upper = quantile_bounds(changes, 0.5, SHOWN)
    return Change(len(changes), math.expm1(median(changes)), math.expm1(lower), math.expm1(upper))


def _moved(control: Sequence[float], regress: float) -> bool:
    """Whether the null pair moved by more than τ/2, either way, and by more than its own noise: on a busy machine the
    median of a short query strays that far by chance."""
    theta = median(control)
    lower, upper = quantile_bounds(control, 0.5, 1 - PASS_ERROR)
    return abs(theta) > math.log1p(regress / 4) and not lower <= 0 <= upper


def _proven(changes: Sequence[float], regress: float) -> bool:
    """Whether the median is below τ beyond the error allowed for a pass."""
    return quantile_bounds(changes, 0.5, 1 - PASS_ERROR)[1] < math.log1p(regress / 2)
