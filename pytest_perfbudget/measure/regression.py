"""``latency.regress``: the head against the reference, and what one connection suspects, another must confirm."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from random import Random

from pytest_perfbudget.measure.paired import Look, Step
from pytest_perfbudget.measure.rounds import CAP, Connected, measure_pairs
from pytest_perfbudget.model import Verdict

APART = 5.0
"""Seconds between the end of the first measurement and the second: what disturbed the one has passed."""
CONFIRMED = {Step.CANDIDATE: Verdict.REGRESSED, Step.IMPROVED: Verdict.IMPROVED}
"""What a look suspects, and the verdict if a second one agrees."""


Measure = Callable[[Mapping[str, float]], dict[str, Look]]
"""Measures the statements of these keys once, each with the slowdown to be caught, on connections of its own."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """``regressed``, ``improved``, ``same`` or ``unjudged``; ``again`` is the look of the second connection, if any."""

    verdict: Verdict
    reason: str
    first: Look
    again: Look | None = None

    @property
    def saved(self) -> int:
        """Rounds saved by stopping early, on both connections."""
        return self.first.saved + (self.again.saved if self.again else 0)


def regressions(measure: Measure, regress: Mapping[str, float], sleep: Callable[[float], object]) -> dict[str, Outcome]:
    """An outcome for each key of ``regress``, which gives the slowdown that must be caught as a share.

    What ``measure`` suspects it is asked about once more, after ``sleep``. Errors of a pair pass.
    """
    first = measure(regress)
    doubtful = {key: regress[key] for key, look in first.items() if look.step in CONFIRMED}
    again: dict[str, Look] = {}
    if doubtful:
        sleep(APART)
        again = measure(doubtful)
    return {key: outcome(look, again.get(key)) for key, look in first.items()}


def on_one_connection(
    fresh: Callable[[frozenset[str]], AbstractContextManager[Connected]],
    clock: Callable[[], float],
    order: Random,
    cap: float = CAP,
    ends: float = math.inf,
) -> Measure:
    """Head and reference alternate on one new connection, which ``fresh`` opens for the statements of these keys."""

    def measure(regress: Mapping[str, float]) -> dict[str, Look]:
        with fresh(frozenset(regress)) as connected:
            return measure_pairs(connected, regress, clock, order, cap, ends=ends)

    return measure


def outcome(first: Look, again: Look | None = None) -> Outcome:
    """The verdict of one or two connections: what the second does not confirm is ``unjudged`` if the first was slower,
    ``same`` if it was faster."""
    if first.step is Step.PASS:
        return Outcome(Verdict.SAME, str(first.change), first, again)
    if first.step not in CONFIRMED:
        return Outcome(Verdict.UNJUDGED, _seen(first), first, again)
    seen = f"{first.change}, on a new connection {_seen(again) if again else 'not measured'}"
    if again is not None and again.step is first.step:
        return Outcome(CONFIRMED[first.step], seen, first, again)
    if first.step is Step.IMPROVED and (again is None or again.step is not Step.CANDIDATE):
        return Outcome(Verdict.SAME, seen, first, again)
    return Outcome(Verdict.UNJUDGED, f"not confirmed: {seen}", first, again)


def _seen(look: Look) -> str:
    return f"{look.change}: {look.reason}" if look.reason else str(look.change)
