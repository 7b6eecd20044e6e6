"""``plan.generic``: the plan a prepared statement may get at its sixth execution, held to the same clauses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from pytest_perfbudget.baselines.record import QueryRecord
from pytest_perfbudget.budgets.budget import Budget
from pytest_perfbudget.errors import At
from pytest_perfbudget.model import Finding, GenericEvidence, QueryEvidence, Verdict
from pytest_perfbudget.plans.diff import diff
from pytest_perfbudget.plans.parse import parse
from pytest_perfbudget.plans.relations import Ancestors
from pytest_perfbudget.units import format_count
from pytest_perfbudget.verdict.clauses import broken
from pytest_perfbudget.verdict.gather import site_of

CODE = "plan.generic"


def check_generic(
    budget: Budget,
    queries: Sequence[QueryEvidence],
    pages: Mapping[str, int],
    ancestors: Ancestors,
    records: Mapping[str, QueryRecord],
) -> Iterator[Finding]:
    """A clause that the generic plan breaks is ``over``. That the sixth execution changes plan is ``unjudged``, until
    the generic plan is the recorded one: which of the two serves an application is not in the test."""
    if budget.plan_generic is None:
        return
    for query in queries:
        if query.probes.generic and query.generic:
            yield from _clauses(budget, query, pages, ancestors)
            yield from _switch(query, query.generic, records.get(query.key), budget.plan_generic)
        elif why := query.probes.why.get("generic"):
            yield _finding(query, f"no generic plan to judge: {why}", budget.plan_generic)


def _clauses(budget: Budget, query: QueryEvidence, pages: Mapping[str, int], ancestors: Ancestors) -> Iterator[Finding]:
    plan = parse(query.probes.generic or {})
    for clause in budget.clauses:
        finding = broken(clause, query, [plan], pages, ancestors)
        if finding:
            verdict = Verdict.OVER if finding.verdict is Verdict.REGRESSED else finding.verdict
            yield replace(finding, code=CODE, verdict=verdict, message=f"generic plan: {finding.message}")


def _switch(query: QueryEvidence, generic: GenericEvidence, record: QueryRecord | None, at: At) -> Iterator[Finding]:
    mark = generic.plan.fingerprint
    recorded = record.generic if record else None
    known = {plan.fingerprint for plan in query.plans} | ({recorded.fingerprint} if recorded else set())
    if not generic.switches or mark in known:
        return
    costs = f"{format_count(generic.cost)} against {format_count(generic.custom_cost)} on average, and planning"
    words = f"the sixth execution of a prepared statement takes another plan, the generic one: estimated {costs}"
    before = recorded.tree if recorded else query.plans[0].tree if query.plans else ()
    fix = "pytest --perf-update records it as the statement's generic plan"
    yield replace(_finding(query, words, at), detail=diff(before, generic.plan.tree), fix=fix)


def _finding(query: QueryEvidence, words: str, at: At) -> Finding:
    return Finding(CODE, Verdict.UNJUDGED, words, query=query.key, site=site_of(query), budget_at=at)
