"""``growth``: what is said of statements and of a test that are beyond their bound, or undecided."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from pytest_perfbudget.budgets.budget import Budget, GrowthLimit
from pytest_perfbudget.measure.curve import curve
from pytest_perfbudget.measure.sampling import State
from pytest_perfbudget.model import Finding, QueryEvidence, TestEvidence, Verdict
from pytest_perfbudget.plans.diff import diff
from pytest_perfbudget.units import format_count
from pytest_perfbudget.verdict.gather import site_of
from pytest_perfbudget.verdict.sizes import Judged, Sized, is_repeated, limit_of

KEY = "growth"


def growth_findings(
    budget: Budget, evidence: TestEvidence, judged: Sequence[Judged], sized: Sequence[Sized]
) -> list[Finding]:
    """One for each statement that is beyond its bound or undecided; one for the test where no statement shows it."""
    gated = [one for one in judged if one.gated]
    by_query: dict[str | None, list[Judged]] = {}
    for one in gated:
        by_query.setdefault(one.query.key if one.query else None, []).append(one)
    whole = by_query.pop(None, [])
    worst = [found for group in by_query.values() if (found := _worst(group))]
    if (found := _worst(whole)) and not any(one.state is found.state for one in worst):
        worst.append(found)
    findings = [_finding(one, sized) for one in worst]
    return findings + list(_unseen(budget, evidence, by_query, sized))


def _worst(group: Iterable[Judged]) -> Judged | None:
    """The first that is beyond, else the first that is undecided."""
    for state in (State.BEYOND, State.UNDECIDED):
        if found := next((one for one in group if one.state is state), None):
            return found
    return None


def _unseen(
    budget: Budget, evidence: TestEvidence, judged: Mapping[str | None, list[Judged]], sized: Sequence[Sized]
) -> Iterator[Finding]:
    """Statements with a bound of which nothing could be judged."""
    for query in evidence.queries:
        limit = limit_of(budget, query)
        here = judged.get(query.key, [])
        if limit is None or any(one.metric.name == "buffers" for one in here):
            continue
        lacking = next((one for one in sized if query.key not in one.queries), None)
        counted = all(one.queries[query.key].record.work is not None for one in sized if query.key in one.queries)
        if lacking and limit is not budget.growth:
            yield unjudged(limit, f"it is not sent at {format_count(lacking.size)} rows", query)
        elif not lacking or not counted:  # else it is in the sum of the test
            yield unjudged(limit, query.why_unjudged or "its work was not counted at each size", query)


def _finding(one: Judged, sized: Sequence[Sized]) -> Finding:
    query, over = one.query, one.state is State.BEYOND
    said = one.growth.reason.partition("; ")[0]
    return Finding(
        code=KEY,
        verdict=Verdict.OVER if over else Verdict.UNJUDGED,
        message=f"{one.metric.name}: {said}" if over else f"{KEY}: {one.metric.name}: {said}, which decides nothing",
        metric=KEY,
        query=query.key if query else None,
        site=site_of(query) if query else None,
        budget_at=one.limit.at,
        detail=tuple(_detail(one, sized)),
        cause=_cause(one, sized) if over else "",
    )


def _detail(one: Judged, sized: Sequence[Sized]) -> Iterator[str]:
    yield f"  {'rows':>7}  {one.metric.unit}"
    yield from (f"  {line}" for line in curve(one.points, one.limit.bound, one.metric.unit))
    if not one.growth.flips or one.query is None:
        return
    plans = {plan.fingerprint: plan.tree for size in sized for plan in size.queries[one.query.key].record.plans}
    flip = one.growth.flips[-1]
    yield ""
    yield from diff(plans[flip.old], plans[flip.new])


def _cause(one: Judged, sized: Sequence[Sized]) -> str:
    if one.query is None:
        return "no statement by itself grows so: their number does, or each is another one at each size"
    first, last = (size.queries[one.query.key] for size in (sized[0], sized[-1]))
    said = [str(one.growth.flips[-1])] if one.growth.flips else []
    if is_repeated(first, last):
        small, large = (format_count(size.size) for size in (sized[0], sized[-1]))
        said = [f"it is sent {first.calls:,} times at {small} rows and {last.calls:,} times at {large}", *said]
    return "\n".join(said)


def unjudged(limit: GrowthLimit, why: str, query: QueryEvidence | None = None, output: str = "") -> Finding:
    """``why`` says what stands against a judgement; ``output`` is what a run printed last."""
    return Finding(
        code=KEY,
        verdict=Verdict.UNJUDGED,
        message=f"{KEY}: {why}",
        metric=KEY,
        query=query.key if query else None,
        site=site_of(query) if query else None,
        budget_at=limit.at,
        detail=tuple(output.splitlines()),
    )
