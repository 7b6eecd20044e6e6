"""``latency.*`` of a test: what has a limit is executed again, without capture, until its bound is clear."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from time import perf_counter

from pytest_perfbudget.budgets.budget import Budget, Limit
from pytest_perfbudget.capture.replay import Calls
from pytest_perfbudget.errors import DisturbedError
from pytest_perfbudget.measure.calibration import calibration
from pytest_perfbudget.measure.confirm import measure
from pytest_perfbudget.measure.others import UNHINDERED, beside
from pytest_perfbudget.measure.sampling import CAP, Cap, Decision, Sampled, State
from pytest_perfbudget.measure.statistics import summary
from pytest_perfbudget.measure.unhindered import Unhindered
from pytest_perfbudget.model import Finding, Latency, QueryEvidence, TestEvidence, Verdict
from pytest_perfbudget.model.resources import ALONE, Benchmarked, Shared
from pytest_perfbudget.postgres.backends import scheduled
from pytest_perfbudget.session.neighbours import neighbours
from pytest_perfbudget.session.place import Place
from pytest_perfbudget.statements import one_line
from pytest_perfbudget.units import format_seconds
from pytest_perfbudget.verdict.benchmark import LATENCIES, check_benchmark
from pytest_perfbudget.verdict.bounded import unjudged
from pytest_perfbudget.verdict.gather import site_of
from pytest_perfbudget.verdict.unexplained import NONE_PLANNED, is_planned, not_timed, of_nothing_planned

_WIDTH = 60
"""Characters of a statement in the line that says it is being timed."""


def time_queries(
    budget: Budget,
    evidence: TestEvidence,
    place: Place,
    disturbed: str | None = None,
    benchmarked: Benchmarked | None = None,
    shared: Shared = ALONE,
) -> tuple[TestEvidence, tuple[Finding, ...]]:
    """The evidence with latencies, and the findings about them; nothing is timed where something is ``disturbed``.

    The limits of a test with a benchmark are those of the ``benchmarked`` function, but for those of ``query.NAME``;
    ``shared`` is the processors' time while it ran.
    """
    findings: list[Finding] = []
    if benchmarked:
        used, found = check_benchmark(budget, benchmarked, disturbed, shared)
        findings += found
        evidence = replace(evidence, used=evidence.used + used)
        budget = replace(budget, limits={key: one for key, one in budget.limits.items() if key not in LATENCIES})
    nothing = of_nothing_planned(budget, evidence.queries)
    findings += [
        unjudged(limit, NONE_PLANNED) for one in nothing for key, limit in one.limits.items() if key in LATENCIES
    ]
    timed = []
    for query in evidence.queries:
        limits = _limits(budget, query)
        if limits and (why := disturbed or not_timed(query.executions[0])):
            findings += [_unjudged(query, limit, why) for limit in limits.values()]
            limits = {}
        after, one = _time(query, limits, budget, place) if limits else (query, [])
        timed.append(after)
        findings += one
    return replace(evidence, queries=tuple(timed)), tuple(findings)


def _limits(budget: Budget, query: QueryEvidence) -> Mapping[str, Limit]:
    """The strictest latency limits that concern this query, by quantile; none for what is never planned."""
    if not is_planned(query):
        return {}
    found: dict[str, Limit] = {}
    for one in budget.concerning(query.names):
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
    try:
        sampled, latency = _sampled(query, {name: limit.value for name, limit in limits.items()}, place)
    except DisturbedError as error:
        return query, [_unjudged(query, limit, error.what) for limit in limits.values()]
    except psycopg.Error as error:
        why = f"it could not be executed again: {str(error).splitlines()[0]}"
        return query, [_unjudged(query, limit, why) for limit in limits.values()]
    findings = [
        _finding(query, limits[name], decision, sampled)
        for name, decision in sampled.decisions.items()
        if decision.state is not State.WITHIN
    ]
    return replace(query, latency=latency), findings


def _sampled(query: QueryEvidence, allowed: Mapping[str, float], place: Place) -> tuple[Sampled, Latency | None]:
    """The samples, and what is shown of them: with the states of the server's plan cache that they were taken in, and
    how fast the machine was.

    Raises:
        DisturbedError: not now, or it is not what the test executed.
        psycopg.Error: it cannot be executed again.
    """
    opened: list[Calls] = []
    words = f"timing {one_line(query.sql, _WIDTH)}"
    with place.progress(words), place.undisturbed() as left, ExitStack() as connections:

        def fresh() -> Calls:
            calls = connections.enter_context(place.calling(query.executions[-1:], undo=query.writes))
            calls()
            if differs := calls.differs():
                raise DisturbedError(differs)
            opened.append(calls)
            return calls

        def unhindered() -> Unhindered:
            calls = fresh()
            clock = scheduled(calls.connection.info.backend_pid, place.database)
            return Unhindered(calls, connections.enter_context(clock))

        others = neighbours(place)
        with_others = beside(others.watch, UNHINDERED if others.sees_server else math.inf)
        sampled = measure(fresh, allowed, perf_counter, capped(left), again=unhindered, sampling_again=with_others)
        latency = sampled.latency(next((name for name in ("p95", "p50", "p99", "mean") if name in allowed), None))
        if latency is None:
            return sampled, None
        states, factor = opened[0].replays[0].states(latency.n), calibration(opened[0].another)
        return sampled, replace(latency, states=states, calibration=factor)


def capped(left: float) -> Cap:
    """The cap of one statement, where the run may measure for ``left`` seconds more."""
    return CAP.within(left)


def _finding(query: QueryEvidence, limit: Limit, decision: Decision, sampled: Sampled) -> Finding:
    if decision.state is State.UNDECIDED:
        return _unjudged(query, limit, decision.reason)
    name, latency = limit.key.removeprefix("latency."), summary(sampled.samples)
    return Finding(
        code=limit.key,
        verdict=Verdict.OVER,
        message=name,
        metric=limit.key,
        measured=getattr(latency, name),
        allowed=limit.value,
        unit="s",
        query=query.key,
        site=site_of(query),
        budget_at=limit.at,
        note=f"n={latency.n}, at least {format_seconds(decision.lower)}, noise ±{format_seconds(latency.noise)}",
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
