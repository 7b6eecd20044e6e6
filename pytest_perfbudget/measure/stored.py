"""``latency.baseline``: this run's figure against those of recorded runs, each divided by reference queries.

Times of two runs differ by what the machine does meanwhile: a raw median by 8 % (standard deviation, 420 runs), so
that no margin worth having holds. Divided round by round by reference queries in the same backend, the same figures
differ by 1.3 to 1.7 %. What is left, above all jumps between runs and processors that favour other queries than the
references, allows +15 % on one class of CPU and +25 % across classes, not less. A paired run (:mod:`.regression`) sees
more, and decides.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, stdev

from pytest_perfbudget.measure.paired import log_ratio, signed
from pytest_perfbudget.measure.statistics import student
from pytest_perfbudget.model import Verdict
from pytest_perfbudget.units import format_measure

NEEDED = 5
"""Fewest recorded runs."""
KEPT = 20
"""Most recent runs that count: what changed before them was accepted."""
ONE_CLASS, SEVERAL_CLASSES = 0.15, 0.25
"""The smallest margins that hold, on one class of CPU and across classes."""
SPREAD = 0.015
"""Standard deviation of the logarithm of the figure between runs, at the least: few runs can agree by chance."""
OUTLYING = 3.1
"""Standard deviations that an unchanged figure stays within, but for 0.1 %."""
SEEN = 0.95
"""How often a regression of :attr:`Judged.sees` is caught."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a run of the default branch left: the figure of :func:`ratio`, and the class of CPU it ran on, empty where
    that is not known: it is then like no other."""

    figure: float
    machine: str


@dataclass(frozen=True, slots=True)
class Judged:
    """``regressed``, ``improved``, ``same`` or ``unjudged``.

    ``change`` is the share by which the figure is above the median of the ``n`` recorded ones (None without any);
    ``margin`` is what was held to, at least what was asked for; ``sees`` the smallest regression that is caught in 95
    of 100 runs, None where it is unknown.
    """

    verdict: Verdict
    reason: str
    n: int
    change: float | None = None
    margin: float | None = None
    sees: float | None = None


def ratio(samples: Sequence[float], references: Sequence[Sequence[float]]) -> float:
    """The median over rounds of the statement's seconds divided by the geometric mean of the references' in that round.

    ``samples`` has one figure for each round, ``references`` as many for each reference query.

    Raises:
        ValueError: there is no round or no reference, their numbers differ, or a duration is not above 0.
    """
    if not samples or not references:
        raise ValueError("a ratio needs rounds and reference queries")
    by_round = zip(samples, zip(*references, strict=True), strict=True)
    return math.exp(
        median(math.fsum(log_ratio(one, taken) for one in beside) / len(beside) for taken, beside in by_round)
    )


def judge(figure: float, recorded: Sequence[Recorded], machine: str, asked: float) -> Judged:
    """This run's figure on this class of CPU against the recorded ones, oldest first; ``asked`` is the margin wanted.

    Runs of the same class count alone if there are enough of them.
    """
    alike = [run for run in recorded if machine and run.machine == machine]
    one_class = len(alike) >= NEEDED
    logs = [math.log(run.figure) for run in (alike if one_class else recorded)[-KEPT:]]
    n = len(logs)
    if n < NEEDED:
        return Judged(Verdict.UNJUDGED, too_few(n, asked), n)
    holds = ONE_CLASS if one_class else SEVERAL_CLASSES
    margin = max(asked, holds)
    change = math.expm1(math.log(figure) - median(logs))
    spread = _spread(stdev(logs), n)
    if OUTLYING * spread > math.log1p(margin):
        reason = f"the {n} recorded runs vary too much (±{_percent(spread)}) for a margin of {_percent(margin)}"
        return Judged(Verdict.UNJUDGED, reason, n, change, margin)
    sees = _visible(margin, spread, n)
    allowed = f"allowed {signed(margin)}" + (f" ({signed(asked)} does not hold)" if asked < holds else "")
    where = "one class of CPU" if one_class else "several classes of CPU"
    reason = f"{signed(change)} against {n} recorded runs on {where}, {allowed}; {_power(sees)}"
    return Judged(_verdict(change, margin), reason, n, change, margin, sees)


def too_few(n: int, asked: float) -> str:
    """Why ``n`` recorded runs do not judge, and what :data:`NEEDED` of them would see at best, on one class of CPU."""
    sees = _visible(max(asked, ONE_CLASS), _spread(0.0, NEEDED), NEEDED)
    return f"{n} of the {NEEDED} recorded runs needed; with {NEEDED}, {_power(sees)}"


def _spread(deviation: float, n: int) -> float:
    """Of a new figure about the median of n old ones, whose variance is π/2n of one figure's."""
    return max(deviation, SPREAD) * math.sqrt(1 + math.pi / (2 * n))


def _visible(margin: float, spread: float, n: int) -> float:
    return math.expm1(math.log1p(margin) + student(SEEN, n - 1) * spread)


def _verdict(change: float, margin: float) -> Verdict:
    if change > margin:
        return Verdict.REGRESSED
    return Verdict.IMPROVED if change < 1 / (1 + margin) - 1 else Verdict.SAME


def _power(sees: float) -> str:
    return f"this sees {signed(sees)} or more, a paired run (--perf-against) sees less and decides"


def _percent(share: float) -> str:
    return format_measure(share, "%")
