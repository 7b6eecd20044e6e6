"""A plan against another plan of the same statement, with nothing known but the two."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_perfbudget.budgets.budget import Regress
from pytest_perfbudget.model import Verdict
from pytest_perfbudget.plans.account import Account, account
from pytest_perfbudget.plans.node import Plan
from pytest_perfbudget.plans.render import tree
from pytest_perfbudget.plans.ties import shape
from pytest_perfbudget.verdict.decide import decide, words, worse
from pytest_perfbudget.verdict.figures import Change, cost_changes, row_changes, work_changes


@dataclass(frozen=True, slots=True)
class Comparison:
    """The verdict and what it rests on: ``trees`` and ``accounts`` are (old, new), ``reasons`` are sentences."""

    verdict: Verdict
    changes: tuple[Change, ...]
    trees: tuple[tuple[str, ...], tuple[str, ...]]
    accounts: tuple[Account, Account]
    estimated: bool
    reasons: tuple[str, ...]


def compare_plans(old: Plan, new: Plan, margin: Regress | None = None, *, parallel: bool = False) -> Comparison:
    """``same``, ``equivalent``, ``improved``, ``regressed``; ``unjudged`` where only rounded figures rose.

    Work is compared by blocks where both plans have them (ANALYZE, BUFFERS), by rows where both were executed, else by
    the planner's cost. ``parallel`` says whether the workers belong to the shape.
    """
    before, now = account(old), account(new)
    trees = tree(old, parallel=parallel), tree(new, parallel=parallel)
    changes, basis = _changes(before, now, margin or Regress())
    shapes = shape([trees[0]], [trees[1]])
    verdict = decide(shapes, changes)
    figures = f"{', '.join(change.metric.removeprefix('work.') for change in worse(changes))} rose"
    why = figures if verdict is Verdict.REGRESSED else words(verdict, shapes)
    return Comparison(verdict, changes, trees, (before, now), not _executed(before, now), (why, *basis))


def _changes(old: Account, new: Account, margin: Regress) -> tuple[tuple[Change, ...], tuple[str, ...]]:
    """The figures, and what has to be said of them."""
    if not _executed(old, new):
        sides = [name for name, side in (("old", old), ("new", new)) if not side.analyzed]
        which = "neither plan was" if len(sides) == 2 else f"the {sides[0]} plan was not"
        note = f"rests on the planner's estimates: {which} executed (ANALYZE)"
        return cost_changes(old.total.cost, new.total.cost, margin), (note,)
    if old.buffered and new.buffered:
        return work_changes(old.total, new.total, margin), ()
    return row_changes(old.total, new.total, margin), ("rests on rows: blocks were not counted (BUFFERS)",)


def _executed(old: Account, new: Account) -> bool:
    return old.analyzed and new.analyzed
