"""``latency.regress``: what was measured of a statement and its partner of the reference → evidence and findings."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from pytest_perfbudget.baselines.record import QueryRecord
from pytest_perfbudget.budgets.budget import Slowdown
from pytest_perfbudget.measure.paired import Change, Look
from pytest_perfbudget.measure.regression import Outcome
from pytest_perfbudget.model import Environment, Finding, QueryEvidence, Verdict
from pytest_perfbudget.model.against import Against, Seen
from pytest_perfbudget.plans.diff import diff
from pytest_perfbudget.statements import one_line
from pytest_perfbudget.units import format_seconds
from pytest_perfbudget.verdict.bounded import unjudged_statement
from pytest_perfbudget.verdict.gather import site_of

KEY = "latency.regress"
NOT_COMPARED = "not compared: --perf-against=REF names what with"
WIDTH, BEFORE = 110, 30
"""Characters of a statement that are shown, and of those before an edit."""


@dataclass(frozen=True, slots=True)
class Compared:
    """An outcome and where it is from. ``gated`` is False where it is reported only; ``old_p50`` and ``new_p50`` are
    seconds; ``record`` is the reference's statement."""

    ref: str
    layout: str
    outcome: Outcome
    gated: bool
    old_p50: float
    new_p50: float
    record: QueryRecord


def only_the_clock(old: QueryRecord, sql: str, new: QueryEvidence, was: Environment, now: Environment) -> bool:
    """Whether nothing but the clock can have changed: the same text (``sql`` is the reference's), plans and work, in a
    database of the same schema, indexes and settings. Literals count, which an identity leaves out."""
    return (
        one_line(sql) == one_line(new.executions[-1].sql)
        and {plan.fingerprint for plan in old.plans} == {plan.fingerprint for plan in new.plans}
        and old.work is not None
        and new.work is not None
        and old.work.buffers == new.work.buffers
        and old.work.rows == new.work.rows
        and (was.major, was.schema, was.indexes, was.settings) == (now.major, now.schema, now.indexes, now.settings)
    )


def against(commit: str, compared: Compared) -> Against:
    """What the report keeps."""
    outcome = compared.outcome
    return Against(
        ref=compared.ref,
        commit=commit,
        verdict=outcome.verdict.value,
        reason=outcome.reason,
        gated=compared.gated,
        layout=compared.layout,
        old_p50=compared.old_p50,
        new_p50=compared.new_p50,
        first=_seen(outcome.first),
        again=_seen(outcome.again) if outcome.again else None,
    )


def slower(query: QueryEvidence, slowdown: Slowdown, compared: Compared) -> Finding | None:
    """The finding of one statement; None where it is as fast as before, or only reported."""
    outcome = compared.outcome
    if not compared.gated or outcome.verdict is Verdict.SAME:
        return None
    if outcome.verdict is Verdict.UNJUDGED:
        return unjudged(query, slowdown, f"against {compared.ref} {outcome.reason}")
    change = outcome.first.change
    return Finding(
        code=KEY,
        verdict=outcome.verdict,
        message=f"{change} against {compared.ref}",
        metric=KEY,
        measured=change.median,
        allowed=slowdown.share / 2 if outcome.verdict is Verdict.REGRESSED else None,
        unit="%",
        query=query.key,
        site=site_of(query),
        budget_at=slowdown.at,
        detail=tuple(_detail(query, compared)),
        note=f"half of {KEY} = {slowdown.text}",
        cause=_cause(query, compared),
    )


def unjudged(query: QueryEvidence, slowdown: Slowdown, why: str) -> Finding:
    """Of one statement that was not compared, or without a decision."""
    return unjudged_statement(KEY, query, slowdown.at, why)


def whole(slowdown: Slowdown, why: str, output: str = "") -> Finding:
    """Of a test none of whose statements was compared; ``output`` is what the reference's run printed last."""
    detail = tuple(output.splitlines())
    return Finding(KEY, Verdict.UNJUDGED, f"{KEY}: {why}", metric=KEY, budget_at=slowdown.at, detail=detail)


def not_compared(slowdown: Slowdown) -> Finding:
    """Of a run that was given no reference."""
    return Finding(KEY, Verdict.SAME, NOT_COMPARED, metric=KEY, budget_at=slowdown.at)


def _seen(look: Look) -> Seen:
    change, control = look.change, look.control
    return Seen(change.n, change.median, _interval(change), control.median, _interval(control), look.saved)


def _interval(change: Change) -> tuple[float, float] | None:
    return (change.lower, change.upper) if math.isfinite(change.lower + change.upper) else None


def _cause(query: QueryEvidence, compared: Compared) -> str:
    found = []
    if one_line(compared.record.sql) != one_line(query.sql):
        found.append("its text")
    if {plan.fingerprint for plan in compared.record.plans} != {plan.fingerprint for plan in query.plans}:
        found.append("its plan")
    ref = compared.ref.partition(" ")[0]
    return (
        f"{' and '.join(found)} changed since {ref}" if found else f"neither its text nor its plan changed since {ref}"
    )


def _detail(query: QueryEvidence, compared: Compared) -> Iterator[str]:
    outcome, record = compared.outcome, compared.record
    looks = [("change", outcome.first, ""), ("again", outcome.again, ", on a new connection")]
    yield f"  p50      {format_seconds(compared.old_p50)} at {compared.ref}, {format_seconds(compared.new_p50)} here"
    for label, look, where in looks:
        if look:
            yield f"  {label:<9}{look.change}, {look.saved} rounds saved{where}"
    noise = " and ".join(str(look.control) for _, look, _ in looks if look)
    yield f"  noise    {noise}: a statement that is the same on both sides"
    yield f"  where    {compared.layout}"
    if (old := one_line(record.sql)) != (new := one_line(query.sql)):
        yield from ("", *(f"{sign} {text}" for sign, text in zip("-+", _around_the_edit(old, new), strict=True)))
    known, now = ({plan.fingerprint for plan in plans} for plans in (record.plans, query.plans))
    if known != now:
        before = next((plan.tree for plan in record.plans if plan.fingerprint not in now), ())
        after = next((plan.tree for plan in query.plans if plan.fingerprint not in known), ())
        yield from ("", *diff(before, after))


def _around_the_edit(old: str, new: str) -> tuple[str, str]:
    """Both texts on one line each, from a few words before they differ where they are too long to be shown whole."""
    if max(len(old), len(new)) <= WIDTH:
        return old, new
    letters = enumerate(zip(old, new, strict=False))
    alike = next((place for place, (one, other) in letters if one != other), min(len(old), len(new)))
    start = max(alike - BEFORE, 0)
    start = old.rfind(" ", 0, start) + 1
    cut = "… " if start else ""
    return cut + one_line(old[start:], WIDTH - len(cut)), cut + one_line(new[start:], WIDTH - len(cut))
