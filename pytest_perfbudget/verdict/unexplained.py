"""Statements without a plan: why they have none, and what that means for a budget that speaks of plans."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from pytest_perfbudget.budgets.budget import Budget
from pytest_perfbudget.errors import At
from pytest_perfbudget.model import Finding, QueryEvidence, Statement, Verdict
from pytest_perfbudget.statements import Kind, kind, verb

NONE_PLANNED = "none of its statements is planned: there is nothing to execute again"

_SQLSTATE = re.compile(r"[0-9A-Z]{5}")
_QUERY = re.compile(r"\s*copy\s*\(", re.IGNORECASE)


def why_unjudged(executions: Iterable[Statement], kinds: Kind) -> str | None:
    """Why the first execution that should have a plan has none; None where none lacks it."""
    return next((why for statement in executions if (why := _why(statement, kinds))), None)


def _why(statement: Statement, kinds: Kind) -> str | None:
    if statement.planned or (kinds is Kind.UTILITY and not _plans(statement)):
        return None
    if statement.error and _SQLSTATE.fullmatch(statement.error):
        return f"the statement failed with SQLSTATE {statement.error}"
    if statement.why_no_plan:
        return statement.why_no_plan
    return f"the statement ended with {statement.error}" if statement.error else "no plan was seen"


def _plans(statement: Statement) -> bool:
    """Whether a utility statement has a query that is planned: DECLARE, and COPY of a query."""
    return statement.fetched == "cursor" or bool(_QUERY.match(statement.sql))


def is_planned(query: QueryEvidence) -> bool:
    """Whether it has a plan, or should have one: of utility statements DECLARE, COPY of a query, and what executes
    others (CALL, EXECUTE)."""
    first = query.executions[0]
    return kind(first.sql) is not Kind.UTILITY or bool(query.plans) or _plans(first)


def not_timed(statement: Statement) -> str:
    """Why a statement that is planned is not executed again for the clock; empty where it is."""
    if kind(statement.sql) is not Kind.UTILITY:
        return ""
    return f"only SELECT, INSERT, UPDATE, DELETE and MERGE are timed, not {verb(statement.sql).upper()}"


def of_nothing_planned(budget: Budget, queries: Sequence[QueryEvidence]) -> Iterator[Budget]:
    """The budget, and narrowings of it, none of whose statements is planned, though there are some."""
    parts = [(budget, queries)]
    parts += [(one, [query for query in queries if name in query.names]) for name, one in budget.queries.items()]
    return (one for one, its in parts if its and not any(map(is_planned, its)))


def check_unexplained(budget: Budget, queries: Sequence[QueryEvidence]) -> Iterator[Finding]:
    """A statement without a plan cannot be held to what its budget says of plans: a failure where it says something.
    Where some executions have one, the others are named."""
    for query in queries:
        missing = [one for one in query.executions if _why(one, kind(one.sql))]
        if not query.why_unjudged or not missing:
            continue
        at = None if query.plans else _promise(budget, query)
        some = f"{len(missing)} of {len(query.executions)} executions: " if query.plans else ""
        yield Finding(
            code="plan",
            verdict=Verdict.OVER if at else Verdict.UNJUDGED,
            message=f"no plan to judge: {some}{query.why_unjudged}",
            query=query.key,
            site=missing[0].site,
            budget_at=at,
        )


def _promise(budget: Budget, query: QueryEvidence) -> At | None:
    """Where the budget, or a narrowing that the query falls under, first says something of plans."""
    for one in budget.concerning(query.names):
        places = [clause.at for clause in one.clauses] + [rule.at for rule in one.rules.values() if rule.on]
        if one.plan_generic:
            places.append(one.plan_generic)
        if places:
            return places[0]
    return None
