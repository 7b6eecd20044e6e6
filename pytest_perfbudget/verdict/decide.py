"""Shape and figures of one statement, then and now → a word of the ladder. The one place where that is decided."""

from __future__ import annotations

from collections.abc import Iterable

from pytest_perfbudget.budgets.budget import PlanBaseline
from pytest_perfbudget.model import Verdict
from pytest_perfbudget.plans.ties import Shape
from pytest_perfbudget.verdict.figures import Change, Trend

_WORDS = {
    Verdict.IMPROVED: "less work",
    Verdict.EQUIVALENT: "another plan, no more work",
    Verdict.SAME: "unchanged",
    Verdict.UNJUDGED: "more by figures that PostgreSQL rounds per loop, and by no other",
}


def decide(shape: Shape, changes: Iterable[Change], held: PlanBaseline = "no-worse") -> Verdict:
    """More work is ``regressed`` whatever the shape. Without it another shape is ``equivalent``, or ``improved`` where
    the work is less; under ``exact`` it is ``regressed``, unless only the index among equals is another. Under ``off``
    the shape is not looked at. A figure that PostgreSQL rounded fails nothing by itself."""
    changes = tuple(changes)
    shape = Shape.SAME if held == "off" else shape
    if worse(changes) or (shape is Shape.OTHER and held == "exact"):
        return Verdict.REGRESSED
    if any(change.trend is Trend.MORE for change in changes):
        return Verdict.UNJUDGED
    if any(change.trend is Trend.LESS for change in changes):
        return Verdict.IMPROVED
    return Verdict.SAME if shape is Shape.SAME else Verdict.EQUIVALENT


def worse(changes: Iterable[Change]) -> list[Change]:
    """The figures that rose beyond the margin and are exact."""
    return [change for change in changes if change.trend is Trend.MORE and change.exact]


def words(verdict: Verdict, shape: Shape) -> str:
    """Why nothing regressed."""
    tie = verdict is Verdict.EQUIVALENT and shape is Shape.TIE
    return "another index among equals, no more work" if tie else _WORDS[verdict]
