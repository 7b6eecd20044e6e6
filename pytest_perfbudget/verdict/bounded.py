"""The findings about one limit of a test: exceeded, or not to be judged."""

from __future__ import annotations

from pytest_perfbudget.budgets.budget import Limit
from pytest_perfbudget.errors import At
from pytest_perfbudget.model import Finding, QueryEvidence, Site, Verdict
from pytest_perfbudget.units import format_measure
from pytest_perfbudget.verdict.gather import site_of


def over(
    limit: Limit, measured: float, *, site: Site | None = None, detail: tuple[str, ...] = (), note: str = ""
) -> Finding:
    """The limit is exceeded (or missed, where it is the least)."""
    word = "required" if limit.least else "allowed"
    unit = limit.unit
    return Finding(
        code=limit.key,
        verdict=Verdict.OVER,
        message=f"{limit.key} is {format_measure(measured, unit)}, {word} {format_measure(limit.value, unit)}",
        metric=limit.key,
        measured=measured,
        allowed=limit.value,
        unit=unit,
        site=site,
        budget_at=limit.at,
        detail=detail,
        note=note,
    )


def unjudged_statement(key: str, query: QueryEvidence, at: At, why: str) -> Finding:
    """A margin on the time of one statement; ``why`` says what stands against a judgement."""
    return Finding(
        code=key,
        verdict=Verdict.UNJUDGED,
        message=f"{key}: {why}",
        metric=key,
        unit="%",
        query=query.key,
        site=site_of(query),
        budget_at=at,
    )


def unjudged(limit: Limit, why: str) -> Finding:
    """``why`` says what stands against a judgement."""
    return Finding(
        code=limit.key,
        verdict=Verdict.UNJUDGED,
        message=f"{limit.key}: {why}",
        metric=limit.key,
        allowed=limit.value,
        unit=limit.unit,
        budget_at=limit.at,
    )
