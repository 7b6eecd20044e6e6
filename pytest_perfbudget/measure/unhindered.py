"""Executions without the time they waited for a processor: that is the neighbours', not the statement's.

On two cores that eleven programs want, a statement of 30 µs has a p95 of 20 ms, on each of two connections. What it
waited is known to the kernel, so that a suspicion is confirmed without it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pytest_perfbudget.units import format_measure

NOTICEABLE = 0.02
"""The share of the time from which on it is told."""


@dataclass
class Unhindered:
    """``execute`` gives the seconds of one execution; ``waited`` the seconds waited so far, by all it needs."""

    execute: Callable[[], float]
    waited: Callable[[], float]
    left_out: float = 0.0
    taken: float = 0.0

    def __call__(self) -> float:
        before = self.waited()
        taken = self.execute()
        waited = min(self.waited() - before, taken)
        self.left_out += waited
        self.taken += taken
        return taken - waited

    def __str__(self) -> str:
        """What was left out, in words; empty where it is not worth a word."""
        if self.left_out <= NOTICEABLE * self.taken:
            return ""
        share = format_measure(self.left_out / self.taken, "%")
        return f"without the {share} of the time that it waited for a processor, which others had"
