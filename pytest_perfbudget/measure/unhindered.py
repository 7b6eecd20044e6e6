"""Executions without the time they waited for a processor: that is the neighbours', not the statement's.

On two cores that eleven programs want, a statement of 30 µs has a p95 of 20 ms, on each of two connections. What it
waited is known to the kernel, so that a suspicion is confirmed without it. But the kernel does not tell whom one
waited for: a client that its own backend has displaced before it could block waits for as long as the statement runs.
So what either ran is never left out: they take turns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pytest_perfbudget.model.resources import Scheduled
from pytest_perfbudget.units import format_measure

NOTICEABLE = 0.02
"""The share of the time from which on it is told."""


def hindered(taken: float, before: Scheduled, after: Scheduled) -> float:
    """Of the seconds that an execution has ``taken``, those that others have cost it, at the most."""
    ran = min(max(after.ran - before.ran, 0.0), taken)
    return min(max(after.waited - before.waited, 0.0), taken - ran)


@dataclass
class Unhindered:
    """``execute`` gives the seconds of one execution; ``clock`` what those that it needs have had of the processors."""

    execute: Callable[[], float]
    clock: Callable[[], Scheduled]
    left_out: float = 0.0
    taken: float = 0.0

    def __call__(self) -> float:
        before = self.clock()
        taken = self.execute()
        waited = hindered(taken, before, self.clock())
        self.left_out += waited
        self.taken += taken
        return taken - waited

    def __str__(self) -> str:
        """What was left out, in words; empty where it is not worth a word."""
        if self.left_out <= NOTICEABLE * self.taken:
            return ""
        share = format_measure(self.left_out / self.taken, "%")
        return f"without the {share} of the time that it waited for a processor, which others had"
