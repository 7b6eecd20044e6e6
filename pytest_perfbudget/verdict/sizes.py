"""``growth``: the figures of statements and of the whole test at several sizes, against the bound.

Judged are blocks, rows (of joins and thrown away ones, too) and executions: of each statement that is sent at every
size, and summed over the test, where statements that differ from size to size count as well. Times are reported.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from pytest_perfbudget.baselines.record import PlanRecord, QueryRecord
from pytest_perfbudget.budgets.budget import Budget, GrowthLimit
from pytest_perfbudget.measure.growth import FEWEST, SLACK, TIME_SLACK, Growth, Point, counted, judge_growth, timed
from pytest_perfbudget.measure.sampling import State
from pytest_perfbudget.model import QueryEvidence, TestEvidence
from pytest_perfbudget.model.growth import Grown, GrowthPoint


@dataclass(frozen=True, slots=True)
class Sent:
    """A statement at one size: ``calls`` executions, ``rows`` that passed through the nodes of their plans; ``seconds``
    those of the last one, again and again."""

    record: QueryRecord
    calls: int
    rows: int = 0
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
    """``grain`` is the least difference that means anything; ``of`` the figure, None where nothing was counted."""

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
        lambda sent: sent.rows if sent.record.work else None,
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
    held = (one.growth for one in budget.concerning(query.names) if one.growth)
    return min(held, key=lambda limit: limit.bound.rank, default=None)


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
    same = all(one.queries.keys() == sized[0].queries.keys() for one in sized)
    for metric in METRICS:
        sums = [math.fsum(metric.of(sent) or 0 for sent in one.queries.values()) for one in sized]
        points = tuple(
            counted(one.size, figure, _plans(one) if same else "") for one, figure in zip(sized, sums, strict=True)
        )
        yield _judged(None, metric, limit, points)


def _plans(one: Sized) -> str:
    """The plans of all statements, as one fingerprint."""
    marks = (f"{key} {sent.plan.fingerprint if sent.plan else ''}" for key, sent in sorted(one.queries.items()))
    return sha256("\n".join(marks).encode()).hexdigest()[:16]


def _judged(
    query: QueryEvidence | None, metric: Metric, limit: GrowthLimit, points: tuple[Point, ...], slack: float = SLACK
) -> Judged:
    return Judged(query, metric, limit, points, judge_growth(points, limit.bound, metric.grain, slack))


def is_repeated(first: Sent, last: Sent) -> bool:
    """Whether a statement is sent more often the more rows there are."""
    return last.calls > first.calls + METRICS[-1].grain
