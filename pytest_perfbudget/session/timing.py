"""``latency.*`` of a test: what has a limit is executed again, without capture, until its bound is clear."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from time import perf_counter

from pytest_perfbudget.budgets.budget import Budget, Limit
from pytest_perfbudget.measure.confirm import measure
from pytest_perfbudget.measure.sampling import Decision, Sampled, State
from pytest_perfbudget.model import Finding, QueryEvidence, TestEvidence, Verdict
from pytest_perfbudget.session.place import Place
from pytest_perfbudget.statements import Kind, kind
from pytest_perfbudget.units import format_seconds
from pytest_perfbudget.verdict.gather import site_of


def time_queries(
    budget: Budget, evidence: TestEvidence, place: Place, disturbed: str | None = None
) -> tuple[TestEvidence, tuple[Finding, ...]]:
    """The evidence with latencies, and the findings about them; nothing is timed where something is ``disturbed``."""
    findings: list[Finding] = []
    timed = []
    for query in evidence.queries:
        limits = _limits(budget, query)
        if disturbed and limits:
            findings += [_unjudged(query, limit, disturbed) for limit in limits.values()]
            limits = {}
        after, found = _time(query, limits, budget, place) if limits else (query, [])
        timed.append(after)
        findings += found
    return replace(evidence, queries=tuple(timed)), tuple(findings)


def _limits(budget: Budget, query: QueryEvidence) -> Mapping[str, Limit]:
    """The strictest latency limits that concern this query, by quantile; none for what is never planned."""
    if kind(query.executions[0].sql) is Kind.UTILITY:
        return {}
    concerned = [budget, *(narrowed for name, narrowed in budget.queries.items() if name in query.names)]
    found: dict[str, Limit] = {}
    for one in concerned:
        for key, limit in one.limits.items():
            name = key.removeprefix("latency.")
            if key.startswith("latency.") and (name not in found or limit.value < found[name].value):
                found[name] = limit
    return found


def _time(
    query: QueryEvidence, limits: Mapping[str, Limit], budget: Budget, place: Place
) -> tuple[QueryEvidence, list[Finding]]:
    """Sample the query's last execution; writes only where the budget says so, each rolled back."""
    import psycopg

    if query.writes and not budget.latency_writes:
        return query, [
            _unjudged(query, limit, "the statement writes; latency.writes = true times it") for limit in limits.values()
        ]
    statement = query.executions[-1]
    allowed = {name: limit.value for name, limit in limits.items()}
    with place.undisturbed(), ExitStack() as connections:

        def fresh() -> Callable[[], float]:
            return connections.enter_context(place.replaying(statement, undo=query.writes))

        try:
            sampled = measure(fresh, allowed, perf_counter)
        except psycopg.Error as error:
            why = f"it could not be executed again: {str(error).splitlines()[0]}"
            return query, [_unjudged(query, limit, why) for limit in limits.values()]
    shown = next((name for name in ("p95", "p50", "p99", "mean") if name in limits), None)
    findings = [
        _finding(query, limits[name], decision, sampled)
        for name, decision in sampled.decisions.items()
        if decision.state is not State.WITHIN
    ]
    return replace(query, latency=sampled.latency(shown)), findings


def _finding(query: QueryEvidence, limit: Limit, decision: Decision, sampled: Sampled) -> Finding:
    if decision.state is State.UNDECIDED:
        return _unjudged(query, limit, decision.reason)
    name = limit.key.removeprefix("latency.")
    return Finding(
        code=limit.key,
        verdict=Verdict.OVER,
        message=name,
        metric=limit.key,
        measured=getattr(sampled.latency(), name),
        allowed=limit.value,
        unit="s",
        query=query.key,
        site=site_of(query),
        budget_at=limit.at,
        note=f"n={len(sampled.samples)}, at least {format_seconds(decision.lower)}",
    )


def _unjudged(query: QueryEvidence, limit: Limit, why: str) -> Finding:
    return Finding(
        code=limit.key,
        verdict=Verdict.UNJUDGED,
        message=f"{limit.key}: {why}",
        metric=limit.key,
        allowed=limit.value,
        unit="s",
        query=query.key,
        site=site_of(query),
        budget_at=limit.at,
    )
