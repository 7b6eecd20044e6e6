"""The same statements on two majors, side by side. It says what is different and never whether that is good."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pytest_perfbudget.baselines.record import Baseline, QueryRecord
from pytest_perfbudget.plans.ties import Lines, Shape, shape
from pytest_perfbudget.verdict.environment import incomparable


@dataclass(frozen=True, slots=True)
class Side:
    """How one major plans a statement: the lines of its plans, the planner's cost, the blocks where it was executed.

    ``failed`` says why there is no plan.
    """

    trees: tuple[tuple[str, ...], ...] = ()
    cost: float = 0.0
    buffers: int | None = None
    failed: str = ""


@dataclass(frozen=True, slots=True)
class Drift:
    """One statement of ``group`` (a budget or a file) on both; a side is None where it has no such statement."""

    group: str
    statement: str
    old: Side | None
    new: Side | None

    @property
    def shape(self) -> Shape | None:
        """How the new plans stand to the old ones; None where one side has none."""
        if not (self.old and self.new) or self.old.failed or self.new.failed:
            return None
        now, before = shape(self.old.trees, self.new.trees), shape(self.new.trees, self.old.trees)
        return max((now, before), key=list(Shape).index)

    @property
    def trees(self) -> tuple[Lines, Lines]:
        """The first plan of each side that the other does not have."""
        old, new = (side.trees if side else () for side in (self.old, self.new))
        return next((tree for tree in old if tree not in new), ()), next((tree for tree in new if tree not in old), ())


def recorded(old: Mapping[str, Baseline], new: Mapping[str, Baseline]) -> Iterator[Drift]:
    """Baselines of two majors, by budget → every statement of the budgets that both have."""
    for budget in sorted(old.keys() & new.keys()):
        before, now = old[budget].tests, new[budget].tests
        for test in sorted(before.keys() & now.keys()):
            yield from _test(budget, before[test].queries, now[test].queries)


def circumstances(old: Mapping[str, Baseline], new: Mapping[str, Baseline]) -> tuple[str, ...]:
    """What else was different when they were recorded: settings, profile, locale, statistics."""
    both = (old.keys() & new.keys()) and sorted(old.keys() & new.keys())
    found = (line for name in both for line in incomparable(old[name].environment, new[name].environment))
    return tuple(dict.fromkeys(line for line in found if not line.startswith("major: ")))


def _test(budget: str, old: Sequence[QueryRecord], new: Sequence[QueryRecord]) -> Iterator[Drift]:
    now = {query.key: query for query in new}
    for query in old:
        other = now.pop(query.key, None)
        yield Drift(budget, query.sql, _side(query), _side(other) if other else None)
    for query in now.values():
        yield Drift(budget, query.sql, None, _side(query))


def _side(query: QueryRecord) -> Side:
    buffers = query.work.buffers if query.work else None
    return Side(tuple(plan.tree for plan in query.plans), query.cost, buffers)
