"""Figures of two executions, or of two estimates, side by side: old → new, and what that means under a margin."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from pytest_perfbudget.budgets.budget import Regress
from pytest_perfbudget.model import Work

COMPARED = ("buffers", "temp", "wal")
"""Counters that say "more work". The others follow from the shape or are bounded by budgets of their own."""

ROWS = ("rows", "rows_removed", "loops")
"""What stands for work where blocks were not counted (ANALYZE without BUFFERS)."""


class Trend(IntEnum):
    LESS = -1
    EQUAL = 0
    MORE = 1


@dataclass(frozen=True, slots=True)
class Change:
    """One figure, old → new, and what it means under the margin; not ``exact`` where PostgreSQL rounded either."""

    metric: str
    old: float
    new: float
    trend: Trend
    exact: bool = True


def trend(old: float, new: float, margin: Regress) -> Trend:
    """MORE means more than ``ratio`` *and* more than ``blocks``: small plans do not fail on a page or two."""
    if new > old * (1 + margin.ratio) and new > old + margin.blocks:
        return Trend.MORE
    if old > new * (1 + margin.ratio) and old > new + margin.blocks:
        return Trend.LESS
    return Trend.EQUAL


def work_changes(old: Work, new: Work, margin: Regress) -> tuple[Change, ...]:
    """The counters of ``COMPARED`` and the spills (any more is more), each with its trend."""
    return (*_changes(old, new, margin, COMPARED), _spills(old, new))


def row_changes(old: Work, new: Work, margin: Regress) -> tuple[Change, ...]:
    """The same for two executions whose blocks were not counted."""
    return (*_changes(old, new, margin, ROWS), _spills(old, new))


def cost_changes(old: float, new: float, margin: Regress) -> tuple[Change, ...]:
    """The planner's estimate: all there is where nothing was executed."""
    return (Change("work.cost", old, new, trend(old, new, margin)),)


def _changes(old: Work, new: Work, margin: Regress, names: Iterable[str]) -> Iterable[Change]:
    rounded = old.inexact | new.inexact
    for name in names:
        before, now = getattr(old, name), getattr(new, name)
        yield Change(f"work.{name}", before, now, trend(before, now, margin), name not in rounded)


def _spills(old: Work, new: Work) -> Change:
    more = Trend((new.spills > old.spills) - (new.spills < old.spills))
    return Change("work.spills", old.spills, new.spills, more)
