"""``plan.forbid`` and ``plan.require``: patterns against every plan of every statement."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pytest_perfbudget.budgets.budget import Budget, Clause
from pytest_perfbudget.model import Finding, QueryEvidence, Verdict
from pytest_perfbudget.plans.node import Node, Plan
from pytest_perfbudget.plans.parse import parse
from pytest_perfbudget.plans.relations import Ancestors
from pytest_perfbudget.verdict.gather import site_of

SMALL_TABLE = 10
"""Pages below which PostgreSQL prefers a sequential scan whatever the indexes: such a plan tells nothing."""


def check_clauses(
    budget: Budget, queries: Sequence[QueryEvidence], pages: Mapping[str, int], ancestors: Ancestors
) -> Iterator[Finding]:
    """A finding for each statement that has what is forbidden or lacks what is required."""
    for clause in budget.clauses:
        subjects = [(query, _plans(query)) for query in queries]
        check = _forbidden if clause.key == "plan.forbid" else _missing
        yield from check(clause, subjects, pages, ancestors)


def _plans(query: QueryEvidence) -> list[Plan]:
    return [parse(document) for statement in query.executions for document in statement.plans]


def _forbidden(
    clause: Clause, subjects: list[tuple[QueryEvidence, list[Plan]]], pages: Mapping[str, int], ancestors: Ancestors
) -> Iterator[Finding]:
    for query, plans in subjects:
        node = next((node for plan in plans for node in clause.pattern.matches(plan, ancestors)), None)
        if node:
            yield _finding(clause, query, _small(clause, node, pages), f"{clause.text} is in the plan and forbidden")


def _missing(
    clause: Clause, subjects: list[tuple[QueryEvidence, list[Plan]]], pages: Mapping[str, int], ancestors: Ancestors
) -> Iterator[Finding]:
    """A requirement that names a table concerns the statements whose plan reads that table; one at least must."""
    read = [(query, [plan for plan in plans if clause.pattern.reads(plan, ancestors)]) for query, plans in subjects]
    concerned = [(query, plans) for query, plans in read if plans]
    if not concerned:
        query = subjects[0][0]
        words = f"no statement of the test reads {', '.join(clause.pattern.tables)}, so {clause.text} matched nothing"
        yield _finding(clause, query, None, words if clause.pattern.tables else f"{clause.text} matched nothing")
    for query, plans in concerned:
        if all(clause.pattern.matches(plan, ancestors) for plan in plans):
            continue
        node = next((node for plan in plans for node in plan.root.walk() if node.relation), None)
        small = _small(clause, node, pages) if node else None
        yield _finding(clause, query, small, f"{clause.text} is required and not in the plan")


def _small(clause: Clause, node: Node, pages: Mapping[str, int]) -> str | None:
    """Why the clause says nothing here, when the table it is about is nearly empty."""
    names = {table.rpartition(".")[2] for table in clause.pattern.tables} or {node.relation or ""}
    sizes = {name: pages[name] for name in names if name in pages}
    if not sizes or max(sizes.values()) >= SMALL_TABLE:
        return None
    name, size = min(sizes.items())
    small = f"{name} has {size} pages, under {SMALL_TABLE}"
    return f"{small}: PostgreSQL scans so small a table whatever its indexes; seed more rows"


def _finding(clause: Clause, query: QueryEvidence, small: str | None, words: str) -> Finding:
    return Finding(
        code=clause.key,
        verdict=Verdict.UNJUDGED if small else Verdict.REGRESSED,
        message=f"{clause.text}: {small}" if small else words,
        query=query.key,
        site=site_of(query),
        budget_at=clause.at,
    )
