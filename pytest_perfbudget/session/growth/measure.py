"""``growth`` of a test: taken at every size, judged, and where a plan flips looked at more closely."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from pytest_perfbudget.advice.growing import Tried, fewer_statements, growth_fix
from pytest_perfbudget.budgets.budget import Budget, GrowthLimit
from pytest_perfbudget.errors import PerfbudgetError
from pytest_perfbudget.measure.growth import RANGE, SIZES
from pytest_perfbudget.measure.sampling import State
from pytest_perfbudget.model import Finding, TestEvidence, Verdict
from pytest_perfbudget.session.against.child import NoReferenceError, OutOfTimeError
from pytest_perfbudget.session.against.parcel import Given, GivenTest
from pytest_perfbudget.session.growth.scales import Scales, grows
from pytest_perfbudget.units import format_count
from pytest_perfbudget.verdict.growth import growth_findings, unjudged
from pytest_perfbudget.verdict.sizes import Judged, Sent, Sized, is_repeated, judge_sizes

NARROWED = 1.5
"""A flip is known well enough where the sizes on its sides differ by less than this factor."""
MORE = 3
"""Further sizes that are tried at most: two for a flip, and one that is larger by :data:`LARGER`."""
LARGER = 4

Taken = dict[int, tuple[Given, GivenTest]]
"""By scale."""


def measure_growth(
    budget: Budget, evidence: TestEvidence, scales: Scales | None, debugger: str
) -> tuple[TestEvidence, tuple[Finding, ...]]:
    """The evidence with what grows how, and the findings about it."""
    if not grows(budget) or scales is None:
        return evidence, ()
    limit = next(one.growth for one in (budget, *budget.queries.values()) if one.growth)
    if debugger:
        return evidence, (unjudged(limit, f"under {debugger} nothing is run at other sizes"),)
    try:
        return _grown(budget, evidence, scales, limit)
    except PerfbudgetError as error:
        return evidence, (unjudged(limit, error.what, output=error.remedy),)


def _grown(
    budget: Budget, evidence: TestEvidence, scales: Scales, limit: GrowthLimit
) -> tuple[TestEvidence, tuple[Finding, ...]]:
    taken = _taken(evidence.test, scales)
    sized, why = _sized(taken)
    if why:
        return evidence, (unjudged(limit, why),)
    judged = judge_sizes(budget, evidence, sized)
    for _ in range(MORE):
        scale = _between(judged, sized) or _above(judged, scales.all[-1], taken)
        if scale is None:
            break
        try:
            more = {**taken, scale: scales.test(scale, evidence.test)}
        except NoReferenceError:
            break
        found, why = _sized(more)
        if why:
            break
        taken, sized = more, found
        judged = judge_sizes(budget, evidence, sized)
    findings = [_with_fix(one, evidence, sized, scales) for one in growth_findings(budget, evidence, judged, sized)]
    return replace(evidence, growth=tuple(one.grown for one in judged)), tuple(findings)


def _with_fix(finding: Finding, evidence: TestEvidence, sized: Sequence[Sized], scales: Scales) -> Finding:
    """What helps, tried at the largest size."""
    if finding.verdict is not Verdict.OVER:
        return finding
    query = next((one for one in evidence.queries if one.key == finding.query), None)
    if query is None or is_repeated(sized[0].queries[query.key], sized[-1].queries[query.key]):
        return replace(finding, fix=fewer_statements(query))
    last = sized[-1].queries[query.key]
    blocks = last.record.work.buffers // last.calls if last.record.work else 0
    tried = Tried(partial(scales.try_index, sized[-1].scale), sized[-1].size, blocks)
    return replace(finding, fix=growth_fix(query, last.plan.tree if last.plan else (), tried))


def _taken(test: str, scales: Scales) -> Taken:
    """At every size that there was time for.

    Raises:
        NoReferenceError: the test did not pass at a size.
        OutOfTimeError: the sizes that there was time for tell nothing.
    """
    taken: Taken = {}
    for scale in scales.all:
        try:
            taken[scale] = scales.test(scale, test)
        except OutOfTimeError:
            if len(taken) < SIZES or max(taken) < RANGE * min(taken):
                raise
            break
    return taken


def _sized(taken: Taken) -> tuple[list[Sized], str]:
    """By size; or why there are none: nothing that the test reads grows."""
    ordered = [taken[scale] for scale in sorted(taken)]
    reads = dict.fromkeys(name for query in ordered[-1][1].queries for name in query.reads)
    rows = {name: [given.rows.get(name, 0) for given, _ in ordered] for name in reads}
    growing = {name: counts for name, counts in rows.items() if counts[-1] > counts[0]}
    if not growing:
        same = ", ".join(f"{name} has {format_count(counts[-1])} rows at each" for name, counts in rows.items())
        return [], f"nothing that the test reads grows with the scale: {same or 'it reads no table'}"
    name, sizes = max(growing.items(), key=lambda item: item[1][-1])
    if sorted(set(sizes)) != sizes:
        return [], f"{name} does not grow at each scale: {', '.join(map(format_count, sizes))} rows"
    return [
        Sized(
            scale,
            max(size, 2),
            {one.record.key: Sent(one.record, one.calls, one.rows, one.seconds) for one in test.queries},
        )
        for scale, size, (_, test) in zip(sorted(taken), sizes, ordered, strict=True)
    ], ""


def _between(judged: Sequence[Judged], sized: Sequence[Sized]) -> int | None:
    """The scale that tells best where the plan flips of what is beyond its bound, or undecided."""
    scales = {one.size: one.scale for one in sized}
    for one in judged:
        if one.state is State.WITHIN or not one.gated or not one.growth.flips:
            continue
        below, above = (scales[int(size)] for size in (one.growth.flips[-1].below, one.growth.flips[-1].above))
        middle = round(math.sqrt(below * above))
        if above > below * NARROWED and below < middle < above:
            return middle
    return None


def _above(judged: Sequence[Judged], largest: int, taken: Taken) -> int | None:
    """A larger scale, once, where the sizes so far leave something open and nothing is beyond its bound."""
    states = {one.state for one in judged if one.gated}
    if State.BEYOND in states or State.UNDECIDED not in states or max(taken) > largest:
        return None
    return largest * LARGER
