"""``route``: every statement reaches the server it is meant for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_perfbudget.budgets.budget import Budget
from pytest_perfbudget.model import Finding, QueryEvidence, Verdict
from pytest_perfbudget.verdict.gather import site_of

_FIXES = {
    "replica": "send it over a connection to the standby: pytest_perfbudget.pool.routed, or the DSN of perf_replica",
    "primary": "send it over a connection to the primary: target_session_attrs=read-write",
}


def check_route(budget: Budget, queries: Sequence[QueryEvidence]) -> Iterator[Finding]:
    """A finding for each statement that was sent to another server, once at least."""
    if budget.route is None:
        return
    for query in queries:
        elsewhere = [s for s in query.executions if s.standby != (budget.route.to == "replica")]
        if elsewhere:
            count = f"{len(elsewhere)} of {len(query.executions)} times"
            other = "primary" if budget.route.to == "replica" else "replica"
            yield Finding(
                code="route",
                verdict=Verdict.OVER,
                message=f"sent to the {other}, {count}; route is {budget.route.to}",
                query=query.key,
                site=elsewhere[0].site or site_of(query),
                budget_at=budget.route.at,
                fix=_FIXES[budget.route.to],
            )
