"""``latency.baseline``: a statement's figure and those of recorded runs → evidence and findings."""

from __future__ import annotations

from dataclasses import replace

from pytest_perfbudget.budgets.budget import Slowdown
from pytest_perfbudget.measure.beside import Figure
from pytest_perfbudget.measure.others import meanwhile
from pytest_perfbudget.measure.paired import signed
from pytest_perfbudget.measure.stored import Judged
from pytest_perfbudget.model import Finding, QueryEvidence, Stored, Verdict
from pytest_perfbudget.model.resources import Shared
from pytest_perfbudget.verdict.bounded import unjudged_statement
from pytest_perfbudget.verdict.gather import site_of

KEY = "latency.baseline"
OTHERS = 0.1
"""The share of the processors' time from which on a figure is not the statement's alone: beside neighbours on every
processor it was between a fiftieth and three times that of the quiet machine."""


def compared(figure: Figure, judged: Judged, machine: str) -> Stored:
    """What the report keeps of a figure that is there."""
    assert figure.value is not None
    return Stored(
        figure=figure.value,
        rounds=figure.rounds,
        machine=machine,
        verdict=judged.verdict.value,
        reason=judged.reason,
        runs=judged.n,
        change=judged.change,
        margin=judged.margin,
        sees=judged.sees,
    )


def confirmed(first: Stored, again: Figure, judged: Judged | None, shared: Shared) -> Stored:
    """A regression that new connections were asked about, ``judged`` if they gave a figure: what they do not show again
    is ``unjudged``, and what they do while others had more than :data:`OTHERS` of the processors' time."""
    if judged and judged.verdict is Verdict.REGRESSED:
        again_too = replace(first, again=again.value)
        if shared.others <= OTHERS * shared.of:
            return again_too
        return replace(again_too, verdict=Verdict.UNJUDGED.value, reason=f"{meanwhile(shared)}: {first.reason}")
    seen = signed(judged.change) if judged and judged.change is not None else again.reason
    reason = f"not confirmed, on new connections {seen}: {first.reason}"
    return replace(first, again=again.value, verdict=Verdict.UNJUDGED.value, reason=reason)


def beyond(query: QueryEvidence, held: Slowdown, stored: Stored) -> Finding | None:
    """The finding of one statement; None where it is as fast as before."""
    match Verdict(stored.verdict):
        case Verdict.SAME:
            return None
        case Verdict.UNJUDGED:
            return unjudged(query, held, stored.reason)
        case verdict:
            return _changed(query, held, stored, verdict)


def _changed(query: QueryEvidence, held: Slowdown, stored: Stored, verdict: Verdict) -> Finding:
    assert stored.change is not None
    regressed = verdict is Verdict.REGRESSED
    return Finding(
        code=KEY,
        verdict=verdict,
        message=f"{signed(stored.change)} against {stored.runs} recorded runs",
        metric=KEY,
        measured=stored.change,
        allowed=stored.margin if regressed else None,
        unit="%",
        query=query.key,
        site=site_of(query),
        budget_at=held.at,
        detail=(f"  runs     {stored.reason}", f"  figure   {_figure(stored)} times the reference queries"),
        note=f"{KEY} = {held.text}",
        fix=_DECIDES if regressed else "",
    )


_DECIDES = (
    "time it on one connection against the commit it was fast at, which sees less and decides: "
    "pytest --perf-against=REF, with latency.regress"
)


def _figure(stored: Stored) -> str:
    return f"{stored.figure:.3g}" + (f", on new connections {stored.again:.3g}" if stored.again else "")


def whole(held: Slowdown, why: str) -> Finding:
    """Of a test none of whose statements has a figure."""
    return Finding(KEY, Verdict.UNJUDGED, f"{KEY}: {why}", metric=KEY, budget_at=held.at)


def unjudged(query: QueryEvidence, held: Slowdown, why: str) -> Finding:
    """Of one statement, with the reason."""
    return unjudged_statement(KEY, query, held.at, why)
