"""The plans of a query's executions, added up: which, how often, what work, at what cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pytest_perfbudget.model import PlanEvidence, Statement, Work
from pytest_perfbudget.plans.fingerprint import VERSION, marked
from pytest_perfbudget.plans.recent import Recent, parsed
from pytest_perfbudget.plans.work import cost, work
from pytest_perfbudget.statements import Kind


@dataclass(frozen=True, slots=True)
class Summary:
    """What is added up of one plan; ``work`` is None where it was not executed."""

    text: str
    fires: bool
    mark: str
    lines: tuple[str, ...]
    work: Work | None
    cost: float


Look = Callable[[dict[str, Any]], Summary]


@dataclass(slots=True)
class Tally:
    """``work`` is None as soon as a statement that is planned was not counted."""

    work: Work | None = field(default_factory=Work)
    exact_cost: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    shown: dict[str, tuple[tuple[str, ...], str]] = field(default_factory=dict)

    @property
    def cost(self) -> float:
        """The planner's estimates, summed."""
        return round(self.exact_cost, 2)

    @property
    def plans(self) -> tuple[PlanEvidence, ...]:
        """The multiset of plans, nested statements included, by fingerprint."""
        return tuple(PlanEvidence(mark, VERSION, n, *self.shown[mark]) for mark, n in self.counts.items())


def looking(major: int) -> Look:
    """How to look at the plans of a server of that major."""

    def summary(document: dict[str, Any]) -> Summary:
        plan = parsed(document)
        mark, lines = marked(plan)
        text = str(document.get("Query Text", "")).strip()
        counted = work(plan, major) if plan.analyzed else None
        return Summary(text, bool(document.get("Triggers")), mark, lines, counted, cost(plan))

    return Recent(summary)


def tallied(executions: Iterable[Statement], kinds: Kind, look: Look) -> Tally:
    """Each plan is looked at and let go."""
    tally = Tally()
    for statement in executions:
        plans = [look(document) for document in statement.plans]
        for plan in plans:
            tally.counts[plan.mark] += 1
            tally.shown.setdefault(plan.mark, (plan.lines, statement.source))
        if not plans and kinds is not Kind.UTILITY:
            tally.work = None
        for plan in _tops(statement, plans):
            tally.exact_cost += plan.cost
            tally.work = tally.work + plan.work if tally.work is not None and plan.work is not None else None
    return tally


def _tops(statement: Statement, plans: Sequence[Summary]) -> Sequence[Summary]:
    """The plans whose counters add up to the statement's.

    A function's statements are counted in their caller's plan already; those of AFTER triggers are not.
    """
    text = statement.sql.strip()
    tops = [plan for plan in plans if plan.text == text] or plans[-1:]
    return plans if any(plan.fires for plan in tops) else tops
