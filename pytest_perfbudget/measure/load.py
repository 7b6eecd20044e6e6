"""Rates of several clients at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from pytest_perfbudget.measure.confirm import measure
from pytest_perfbudget.measure.others import Watch, beside
from pytest_perfbudget.measure.sampling import CAP, Cap, Sampled
from pytest_perfbudget.measure.statistics import percentile
from pytest_perfbudget.model.resources import Shared

ROUND = 0.02
"""Seconds that a round of calls takes at the least: what starting and joining the clients costs is lost in it."""
ROUNDS_BEFORE = 1


def calls_per_round(seconds: float) -> int:
    """How many calls of one client make a round, if one takes ``seconds``."""
    return max(1, math.ceil(ROUND / seconds)) if seconds > 0 else 1


def throughput(
    fresh: Callable[[], Callable[[], float]],
    least: float,
    clock: Callable[[], float],
    cap: Cap = CAP,
    watch: Watch = lambda: Shared,
) -> Sampled:
    """Sample rounds until the median rate is clear of ``least`` calls per second; what is below on the first clients is
    tried once more with fresh ones.

    ``fresh`` connects clients and gives what has them call for a round, and returns the seconds of it for each call.
    The samples are those, the decision is that of ``p50``. ``watch`` watches the processors: what may be below only
    because of what others had of them is ``undecided``.
    """
    return measure(fresh, {"p50": 1 / least}, clock, cap, ROUNDS_BEFORE, sampling=beside(watch))


@dataclass(frozen=True, slots=True)
class Rates:
    """Calls per second: the median, and its bounds, None where there is none."""

    median: float
    lower: float | None
    upper: float | None


def rates(sampled: Sampled) -> Rates:
    """Of rounds whose samples are seconds per call: at least one."""
    decision = sampled.decisions["p50"]
    lower, upper = (1 / bound if 0 < bound < math.inf else None for bound in (decision.upper, decision.lower))
    return Rates(1 / percentile(sampled.samples, 0.5), lower, upper)
