"""``plan.forbid`` and ``plan.require``: patterns against every plan of every statement."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from pytest_perfbudget.budgets.budget import Budget, Clause
from pytest_perfbudget.model import Finding, QueryEvidence, Verdict
from pytest_perfbudget.plans.node import Node, Plan
from pytest_perfbudget.plans.relations import Ancestors
from pytest_perfbudget.verdict.executed import Executed
from pytest_perfbudget.verdict.gather import site_of

SMALL_TABLE = 10
"""Pages below which PostgreSQL prefers a sequential scan whatever the indexes: such a plan tells nothing."""


def check_clauses(
    budget: Budget, queries: Sequence[QueryEvidence], pages: Mapping[str, int], ancestors: Ancestors | None = None
) -> Iterator[Finding]:
    """A finding for each statement that has what is forbidden or lacks what is required.

    A requirement concerns the statements whose plan reads the tables it names; one at least must.
    """
    subjects = [(query, Executed(query)) for query in queries]
    for clause in budget.clauses:
        required = clause.key == "plan.require"
        if required and not any(clause.pattern.reads(plan, ancestors) for _, plans in subjects for plan in plans):
            yield _matched_nothing(clause, queries[0])
        for query, plans in subjects:
            if finding := broken(clause, query, plans, pages, ancestors):
                yield finding


def broken(
    clause: Clause,
    query: QueryEvidence,
    plans: Iterable[Plan],
    pages: Mapping[str, int],
    ancestors: Ancestors | None = None,
) -> Finding | None:
    """The finding if one of these plans breaks the clause; ``unjudged`` where the table is nearly empty."""
    if clause.key == "plan.forbid":
        node = next((node for plan in plans for node in clause.pattern.matches(plan, ancestors)), None)
        words = f"{clause.text} is in the plan and forbidden"
        return _finding(clause, query, _small(clause, node, pages), words) if node else None
    if all(clause.pattern.matches(plan, ancestors) for plan in plans if clause.pattern.reads(plan, ancestors)):
        return None
    node = next((node for plan in plans for node in plan.root.walk() if node.relation), None)
    small = _small(clause, node, pages) if node else None
    return _finding(clause, query, small, f"{clause.text} is required and not in the plan")


def _matched_nothing(clause: Clause, query: QueryEvidence) -> Finding:
    words = f"no statement of the test reads {', '.join(clause.pattern.tables)}, so {clause.text} matched nothing"
    return _finding(clause, query, None, words if clause.pattern.tables else f"{clause.text} matched nothing")


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
