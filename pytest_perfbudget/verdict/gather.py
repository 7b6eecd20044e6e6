"""Statements as they passed → the evidence of one test: grouped by identity, their work summed, their plans counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from pytest_perfbudget.model import (
    WORK_METRICS,
    Environment,
    Fetched,
    QueryEvidence,
    Site,
    Statement,
    TestEvidence,
    Work,
)
from pytest_perfbudget.statements import Kind, kind, one_line
from pytest_perfbudget.statements.comments import names
from pytest_perfbudget.verdict.counts import counts, grouped
from pytest_perfbudget.verdict.repetition import repetitions
from pytest_perfbudget.verdict.tally import Look, looking, tallied
from pytest_perfbudget.verdict.unexplained import why_unjudged


def gather(test: str, budget: str, statements: Sequence[Statement], environment: Environment) -> TestEvidence:
    """The evidence of one test. Queries keep the order in which they were first executed."""
    groups = grouped(statements)
    found = repetitions(groups)
    look = looking(environment.major)
    queries = tuple(
        replace(_query(key[0], [one for _, one in group], look), repetition=found.get(key))
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


def _query(key: str, executions: list[Statement], look: Look) -> QueryEvidence:
    first = executions[0]
    kinds = kind(first.sql)
    tally = tallied(executions, kinds, look)
    return QueryEvidence(
        id=key,
        sql=one_line(first.sql),
        case=first.case,
        calls=sum(statement.calls for statement in executions),
        sites=tuple(dict.fromkeys(s.site for s in executions if s.site)),
        plans=tally.plans,
        work=tally.work,
        cost=tally.cost,
        names=frozenset(_names(executions)),
        writes=kinds is Kind.WRITE,
        fetched=_fetched(executions),
        why_unjudged=why_unjudged(executions, kinds),
        executions=tuple(executions),
    )


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
        yield from names(statement.sql)


def site_of(query: QueryEvidence) -> Site | None:
    """The first place in the user's code that sent this query."""
    return query.sites[0] if query.sites else None
