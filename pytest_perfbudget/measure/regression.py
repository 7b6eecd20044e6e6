"""``latency.regress``: the head against the reference, and what one connection suspects, another must confirm."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from random import Random

from pytest_perfbudget.measure.paired import Look, Step
from pytest_perfbudget.measure.rounds import CAP, Pair, measure_pairs
from pytest_perfbudget.model import Verdict

APART = 5.0
"""Seconds between the end of the first measurement and the second: what disturbed the one has passed."""
CONFIRMED = {Step.CANDIDATE: Verdict.REGRESSED, Step.IMPROVED: Verdict.IMPROVED}
"""What a look suspects, and the verdict if a second one agrees."""


@dataclass(frozen=True, slots=True)
class Connected:
    """A new connection: the statements on it, and the null pair of a reference query."""

    pairs: Mapping[str, Pair]
    control: Pair


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


def regressions(
    fresh: Callable[[frozenset[str]], AbstractContextManager[Connected]],
    regress: Mapping[str, float],
    clock: Callable[[], float],
    sleep: Callable[[float], object],
    order: Random,
    cap: float = CAP,
) -> dict[str, Outcome]:
    """An outcome for each key of ``regress``, which gives the slowdown that must be caught as a share.

    ``fresh`` opens a new connection for the statements of these keys; it is closed before ``sleep``, which is called
    only where a second connection is needed. ``clock`` gives seconds. Errors of a pair pass.
    """
    first = _measure(fresh, regress, clock, order, cap)
    ended = clock()
    again: dict[str, Look] = {}
    doubtful = {key for key, look in first.items() if look.step in CONFIRMED}
    if doubtful:
        sleep(max(APART - (clock() - ended), 0.0))
        again = _measure(fresh, {key: regress[key] for key in regress if key in doubtful}, clock, order, cap)
    return {key: outcome(look, again.get(key)) for key, look in first.items()}


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
    return Outcome(Verdict.UNJUDGED, f"two connections disagree: {seen}", first, again)


def _measure(
    fresh: Callable[[frozenset[str]], AbstractContextManager[Connected]],
    regress: Mapping[str, float],
    clock: Callable[[], float],
    order: Random,
    cap: float,
) -> dict[str, Look]:
    with fresh(frozenset(regress)) as connected:
        return measure_pairs(connected.pairs, connected.control, regress, clock, order, cap)


def _seen(look: Look) -> str:
    return f"{look.change}: {look.reason}" if look.reason else str(look.change)
