"""``growth``: what statements and the whole test did at several sizes, against the bound.

Judged are blocks, rows (thrown away ones, too) and executions: of each statement that is sent at every size, and summed
over the test, where statements that differ from size to size count as well. Times are reported.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pytest_perfbudget.baselines.record import PlanRecord, QueryRecord
from pytest_perfbudget.budgets.budget import Budget, GrowthLimit
from pytest_perfbudget.measure.curve import curve
from pytest_perfbudget.measure.growth import FEWEST, SLACK, TIME_SLACK, Growth, Point, counted, judge_growth, timed
from pytest_perfbudget.measure.sampling import State
from pytest_perfbudget.model import Finding, QueryEvidence, TestEvidence, Verdict
from pytest_perfbudget.model.growth import Grown, GrowthPoint
from pytest_perfbudget.plans.diff import diff
from pytest_perfbudget.units import format_count
from pytest_perfbudget.verdict.gather import site_of

KEY = "growth"


@dataclass(frozen=True, slots=True)
class Sent:
    """A statement at one size: ``calls`` executions; ``seconds`` those of its last one, again and again."""

    record: QueryRecord
    calls: int
    seconds: tuple[float, ...] = ()

    @property
    def plan(self) -> PlanRecord | None:
        """The one that was used most."""
        return max(self.record.plans, key=lambda plan: (plan.calls, plan.fingerprint), default=None)


@dataclass(frozen=True, slots=True)
class Sized:
    """The test at one size: ``scale`` is what the seed was told, ``size`` the rows of the largest table it reads."""

    scale: int
    size: int
    queries: Mapping[str, Sent]


@dataclass(frozen=True, slots=True)
class Metric:
    """``grain`` is the least difference that means anything; ``of`` gives the figure, None where nothing was counted."""

    name: str
    unit: str
    grain: float
    of: Callable[[Sent], float | None]


METRICS = (
    Metric("buffers", "blocks", 8, lambda sent: sent.record.work.buffers if sent.record.work else None),
    Metric(
        "rows",
        "rows",
        100,
        lambda sent: sent.record.work.rows + sent.record.work.rows_removed if sent.record.work else None,
    ),
    Metric("statements", "statements", 8, lambda sent: sent.calls),
)
_TIME = Metric("time", "s", 0, lambda sent: None)


@dataclass(frozen=True, slots=True)
class Judged:
    """One figure of one statement, or of the whole test (``query`` None)."""

    query: QueryEvidence | None
    metric: Metric
    limit: GrowthLimit
    points: tuple[Point, ...]
    growth: Growth

    @property
    def state(self) -> State:
        return self.growth.state

    @property
    def gated(self) -> bool:
        return self.metric is not _TIME

    @property
    def grown(self) -> Grown:
        """What the report keeps."""
        exponent = self.growth.exponent
        return Grown(
            query=self.query.key if self.query else None,
            metric=self.metric.name,
            bound=self.limit.text,
            state=self.state.value,
            reason=self.growth.reason,
            gated=self.gated,
            exponent=(exponent.value, exponent.lower, exponent.upper if math.isfinite(exponent.upper) else None)
            if exponent
            else None,
            points=tuple(GrowthPoint(int(p.size), p.figure, p.plan) for p in self.points),
            flips=tuple((int(flip.below), int(flip.above)) for flip in self.growth.flips),
        )


def judge_sizes(budget: Budget, evidence: TestEvidence, sized: Sequence[Sized]) -> list[Judged]:
    """Every figure that has a bound, the statements' before the test's."""
    found: list[Judged] = []
    for query in evidence.queries:
        limit = limit_of(budget, query)
        if limit and all(query.key in one.queries for one in sized):
            found += _of_query(query, limit, sized)
    if budget.growth and any(set(one.queries) != {query.key for query in evidence.queries[:1]} for one in sized):
        found += _of_test(budget.growth, sized)
    return found


def limit_of(budget: Budget, query: QueryEvidence) -> GrowthLimit | None:
    """The strictest that concerns the query."""
    concerned = [budget, *(narrowed for name, narrowed in budget.queries.items() if name in query.names)]
    return min((one.growth for one in concerned if one.growth), key=lambda limit: limit.bound.rank, default=None)


def _of_query(query: QueryEvidence, limit: GrowthLimit, sized: Sequence[Sized]) -> Iterator[Judged]:
    sent = [(one.size, one.queries[query.key]) for one in sized]
    for metric in METRICS:
        figures = [(size, metric.of(one), one.plan.fingerprint if one.plan else "") for size, one in sent]
        points = tuple(counted(size, figure, plan) for size, figure, plan in figures if figure is not None)
        if len(points) == len(sent):
            yield _judged(query, metric, limit, points)
    if all(len(one.seconds) >= FEWEST for _, one in sent):
        points = tuple(timed(size, one.seconds, one.plan.fingerprint if one.plan else "") for size, one in sent)
        yield _judged(query, _TIME, limit, points, TIME_SLACK)


def _of_test(limit: GrowthLimit, sized: Sequence[Sized]) -> Iterator[Judged]:
    for metric in METRICS:
        figures = [[metric.of(sent) for sent in one.queries.values()] for one in sized]
        sums = [math.fsum(figure or 0 for figure in found) for found in figures]
        points = tuple(counted(one.size, figure) for one, figure in zip(sized, sums, strict=True))
        yield _judged(None, metric, limit, points)


def _judged(
    query: QueryEvidence | None, metric: Metric, limit: GrowthLimit, points: tuple[Point, ...], slack: float = SLACK
) -> Judged:
    return Judged(query, metric, limit, points, judge_growth(points, limit.bound, metric.grain, slack))


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
        if lacking := [one for one in sized if query.key not in one.queries]:
            if limit is not budget.growth:
                yield unjudged(limit, f"it is not sent at {format_count(lacking[0].size)} rows", query)
        elif query.why_unjudged or not here:
            yield unjudged(limit, query.why_unjudged or "its work was not counted at each size", query)


def _finding(one: Judged, sized: Sequence[Sized]) -> Finding:
    query, over = one.query, one.state is State.BEYOND
    said = one.growth.reason
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
    if is_repeated(first, last):
        small, large = (format_count(size.size) for size in (sized[0], sized[-1]))
        return f"the statement is sent {first.calls:,} times at {small} rows and {last.calls:,} times at {large}"
    return str(one.growth.flips[-1]) if one.growth.flips else ""


def is_repeated(first: Sent, last: Sent) -> bool:
    """Whether a statement is sent more often the more rows there are."""
    return last.calls > first.calls + METRICS[-1].grain


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
