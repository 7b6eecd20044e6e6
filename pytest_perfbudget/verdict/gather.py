"""Statements as they passed → the evidence of one test: grouped by identity, their work summed, their plans counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from pytest_perfbudget.model import (
    WORK_METRICS,
    Environment,
    Fetched,
    PlanEvidence,
    QueryEvidence,
    Site,
    Statement,
    TestEvidence,
    Work,
)
from pytest_perfbudget.plans.fingerprint import VERSION, marked
from pytest_perfbudget.plans.node import Plan
from pytest_perfbudget.plans.parse import parse
from pytest_perfbudget.plans.work import cost, work
from pytest_perfbudget.statements import Kind, kind, one_line, perf_name
from pytest_perfbudget.verdict.counts import counts, grouped
from pytest_perfbudget.verdict.repetition import repetitions
from pytest_perfbudget.verdict.unexplained import why_unjudged


def gather(test: str, budget: str, statements: Sequence[Statement], environment: Environment) -> TestEvidence:
    """The evidence of one test. Queries keep the order in which they were first executed."""
    groups = grouped(statements)
    found = repetitions(groups)
    queries = tuple(
        replace(_query(key[0], [one for _, one in group], environment.major), repetition=found.get(key))
        for key, group in groups.items()
    )
    return TestEvidence(test, budget, queries, totals(queries), environment)


def totals(queries: Iterable[QueryEvidence]) -> dict[str, float]:
    """The figures of the whole test, by the names of the keys that bound them."""
    queries = tuple(queries)
    summed = sum((query.work for query in queries if query.work), Work(cost=0.0))
    counted = {f"work.{name}": float(value) for name, value in work_items(summed)}
    return {
        **counted,
        **counts([query.executions for query in queries]),
        "work.cost": round(sum(query.cost for query in queries), 2),
    }


def work_items(counted: Work) -> Iterator[tuple[str, int]]:
    """The counters by their short names, in the order they are shown."""
    return ((name, getattr(counted, name)) for name in WORK_METRICS)


def _query(key: str, executions: list[Statement], major: int) -> QueryEvidence:
    first = executions[0]
    kinds = kind(first.sql)
    parsed = [(statement, [parse(document) for document in statement.plans]) for statement in executions]
    tops = [plan for statement, plans in parsed for plan in _tops(statement, plans)]
    return QueryEvidence(
        id=key,
        sql=one_line(first.sql),
        case=first.case,
        calls=sum(statement.calls for statement in executions),
        sites=tuple(dict.fromkeys(s.site for s in executions if s.site)),
        plans=_plans(parsed),
        work=_work(parsed, tops, kinds, major),
        cost=round(sum(cost(plan) for plan in tops), 2),
        names=frozenset(_names(executions)),
        writes=kinds is Kind.WRITE,
        fetched=_fetched(executions),
        why_unjudged=why_unjudged(executions, kinds),
        executions=tuple(executions),
    )


def _plans(parsed: list[tuple[Statement, list[Plan]]]) -> tuple[PlanEvidence, ...]:
    """The multiset of plans, nested statements included, by fingerprint."""
    counts: Counter[str] = Counter()
    shown: dict[str, tuple[tuple[str, ...], str]] = {}
    for statement, plans in parsed:
        for plan in plans:
            mark, lines = marked(plan)
            counts[mark] += 1
            shown.setdefault(mark, (lines, statement.source))
    return tuple(PlanEvidence(mark, VERSION, n, *shown[mark]) for mark, n in counts.items())


def _work(parsed: list[tuple[Statement, list[Plan]]], tops: list[Plan], kinds: Kind, major: int) -> Work | None:
    """Counters of what was executed; None when a statement that is planned was not counted."""
    counted = kinds is Kind.UTILITY or all(plans for _, plans in parsed)
    if not counted or not all(plan.analyzed for plan in tops):
        return None
    return sum((work(plan, major) for plan in tops), Work())


def _tops(statement: Statement, plans: list[Plan]) -> list[Plan]:
    """The plans whose counters add up to the statement's.

    A function's statements are counted in their caller's plan already; those of AFTER triggers are not.
    """
    tops = [plan for plan in plans if str(plan.document.get("Query Text", "")).strip() == statement.sql.strip()]
    tops = tops or plans[-1:]
    return plans if any(plan.document.get("Triggers") for plan in tops) else tops


def _fetched(executions: Sequence[Statement]) -> Fetched:
    counted = [statement.size for statement in executions if statement.size is not None]
    return Fetched(
        rows=sum(statement.rows for statement in executions),
        largest=max((statement.rows for statement in executions), default=0),
        size=sum(counted) if counted else None,
        how=tuple(dict.fromkeys(statement.fetched for statement in executions)),
    )


def _names(executions: list[Statement]) -> Iterator[str]:
    for statement in executions:
        if statement.site and statement.site.function:
            yield statement.site.function
        if name := perf_name(statement.sql):
            yield name


def site_of(query: QueryEvidence) -> Site | None:
    """The first place in the user's code that sent this query."""
    return query.sites[0] if query.sites else None
