"""Absolute limits: what the whole test, or each statement, may at most use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from pytest_perfbudget.budgets.budget import Budget, Limit
from pytest_perfbudget.model import Finding, QueryEvidence, Site, Verdict
from pytest_perfbudget.statements import one_line
from pytest_perfbudget.units import format_measure
from pytest_perfbudget.verdict.counts import repeated
from pytest_perfbudget.verdict.gather import site_of, totals

WIDTH = 90
"""Characters of a statement that are shown beneath a finding."""


def check_limits(budget: Budget, queries: Sequence[QueryEvidence]) -> Iterator[Finding]:
    """One finding per limit that is exceeded or cannot be judged. ``latency.*`` is judged elsewhere."""
    measured = totals(queries)
    for key, limit in budget.limits.items():
        if key in measured:
            finding = _check(limit, measured[key], queries)
            if finding:
                yield finding


def _check(limit: Limit, measured: float, queries: Sequence[QueryEvidence]) -> Finding | None:
    uncounted = _uncounted(limit.key, queries)
    if measured <= limit.value and not uncounted:
        return None
    inexact = any(query.work and limit.key.removeprefix("work.") in query.work.inexact for query in queries)
    judged = measured > limit.value and not inexact
    culprit = _culprit(limit.key, queries) if queries else None
    finding = Finding(
        code=limit.key,
        verdict=Verdict.OVER if judged else Verdict.UNJUDGED,
        message=_words(limit, measured) if judged else _why(limit.key, uncounted, inexact),
        metric=limit.key,
        measured=measured,
        allowed=limit.value,
        unit=limit.unit,
        query=culprit.key if culprit else None,
        site=site_of(culprit) if culprit else None,
        budget_at=limit.at,
    )
    return _looped(finding, culprit) if limit.key == "queries.repeated" and culprit else finding


def _looped(finding: Finding, query: QueryEvidence) -> Finding:
    """What was repeated, for the rows of what, and how to send it once."""
    repetition = query.repetition
    if repetition is None:
        return finding
    n, parent, origin = repetition.n, repetition.parent, repetition.origin
    lines = [f"repeated   {n:,} times at {_place(repetition.site)}", f"           {one_line(query.sql, WIDTH)}"]
    if parent:
        executed = f" in {parent.calls:,} executions" if parent.calls > 1 else ""
        lines += [f"parent     {parent.rows:,} rows{executed} at {_place(parent.site)}"]
        lines += [f"           {one_line(parent.sql, WIDTH)}"]
    if origin:
        lines.append(f"loads      {origin.relationship}")
        fix = f"{origin.option} in the parent loads {origin.relationship} for all its rows"
    else:
        fix = f"send it once for all {n:,}: WHERE … = ANY(…) with their values, or a join in the parent"
    return replace(finding, site=repetition.site, detail=tuple(lines), fix=fix)


def _place(site: Site | None) -> str:
    return f"{site} ({site.function})" if site else "a line of no file of yours"


def _uncounted(key: str, queries: Sequence[QueryEvidence]) -> Mapping[str, str]:
    """Queries whose work is missing from the sum, with the reason."""
    if not key.startswith("work.") or key == "work.cost":
        return {}
    return {query.sql: query.why_unjudged or "planned, not executed" for query in queries if query.work is None}


def _why(key: str, uncounted: Mapping[str, str], inexact: bool) -> str:
    if inexact and not uncounted:
        return f"{key} is rounded per loop by PostgreSQL ≤ 17 and not failed on alone"
    sql, reason = next(iter(uncounted.items()))
    others = f" and {len(uncounted) - 1} more" if len(uncounted) > 1 else ""
    return f"{key} is incomplete: {reason}: {sql}{others}"


def _words(limit: Limit, measured: float) -> str:
    return f"{limit.key} is {format_measure(measured, limit.unit)}, allowed {format_measure(limit.value, limit.unit)}"


def _culprit(key: str, queries: Sequence[QueryEvidence]) -> QueryEvidence:
    """The query that takes the largest share of what is limited."""

    def share(query: QueryEvidence) -> float:
        name = key.removeprefix("work.")
        if key.startswith("work.") and query.work:
            return float(getattr(query.work, name))
        return float(repeated(query.executions) if key == "queries.repeated" else query.calls)

    return max(queries, key=share)
