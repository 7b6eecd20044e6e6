"""Budgets whose parts are sound and cannot hold together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pytest_perfbudget.budgets.budget import Budget, Limit
from pytest_perfbudget.budgets.entries import Entry
from pytest_perfbudget.budgets.keys import BY_NAME
from pytest_perfbudget.budgets.places import written
from pytest_perfbudget.errors import BudgetError
from pytest_perfbudget.units import format_seconds

CAP = 3.0
"""Seconds a statement may be sampled for."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """``executions`` is the least n with 1 − qⁿ ≥ 95 %, for which the largest of n bounds the quantile q;
    ``largest`` is the bound, in seconds, for which n executions and those that warm up fit into the cap."""

    executions: int
    largest: float
    words: str


SAMPLING = {
    "latency.p95": Sampling(59, 0.050, "50 ms"),
    "latency.p99": Sampling(299, 0.00999, "9.9 ms"),
}

_ORDERED = (
    ("queries.distinct", "queries.max", "no test has more different statements than statements"),
    ("latency.p50", "latency.p95", "the median is never above the 95th percentile"),
    ("latency.p50", "latency.p99", "the median is never above the 99th percentile"),
    ("latency.p95", "latency.p99", "the 95th percentile is never above the 99th"),
)

_REFINES = {"clients": "throughput.min", "latency.always": "latency.regress"}


def contradictions(budget: Budget) -> Iterator[BudgetError]:
    """What is impossible in one budget, without its nested queries."""
    for smaller, larger, why in _ORDERED:
        low, high = budget.limits.get(smaller), budget.limits.get(larger)
        if low and high and low.value > high.value:
            yield _disorder(low, high, why)
    for key, sampling in SAMPLING.items():
        limit = budget.limits.get(key)
        if limit and limit.value > sampling.largest:
            yield _unprovable(limit, sampling)
    yield from _both(budget)


def idle(budget: Budget, entries: Iterable[Entry]) -> Iterator[BudgetError]:
    """Keys that were written and say something about another key, which the budget does not have."""
    parts = (budget, *budget.queries.values())
    there = {
        "throughput.min": "throughput.min" in budget.limits,
        "latency.regress": any(one.latency_regress for one in parts),
    }
    for entry in entries:
        needed = _REFINES.get(entry.key.name)
        if needed and not there[needed]:
            remedy = f"add {BY_NAME[needed].example}, or take it out"
            yield entry.refuse(f"does nothing without {needed}", remedy)


def _disorder(low: Limit, high: Limit, why: str) -> BudgetError:
    what = f"{_line(low)} is above {_line(high)}: {why}"
    remedy = f"{high.key} stands at {high.at}\nlower {low.key} to {high.text}, or raise {high.key} to {low.text}"
    return BudgetError(what, at=low.at, remedy=remedy)


def _unprovable(limit: Limit, sampling: Sampling) -> BudgetError:
    total = format_seconds(limit.value * sampling.executions)
    remedy = (
        f"a bound of {limit.key} rests on {sampling.executions} executions: {sampling.executions} × "
        f"{format_seconds(limit.value)} = {total}, and the warm-up comes on top",
        f"a statement is sampled for at most {format_seconds(CAP)}",
        f'write {limit.key} = "{sampling.words}" or less, or bound the median: latency.p50 = "{limit.text}"',
    )
    return BudgetError(f"{_line(limit)} cannot be proven in time", at=limit.at, remedy="\n".join(remedy))


def _both(budget: Budget) -> Iterator[BudgetError]:
    required = [clause for clause in budget.clauses if clause.key == "plan.require"]
    for clause in budget.clauses:
        twin = next((other for other in required if other.pattern == clause.pattern), None)
        if clause.key == "plan.forbid" and twin:
            what = f'"{clause.text}" is forbidden here and required at {twin.at}'
            yield BudgetError(what, at=clause.at, remedy="take it out of plan.forbid or out of plan.require")


def _line(limit: Limit) -> str:
    return f"{limit.key} = {written(limit.text) if limit.unit == 's' else limit.text}"
