"""The records of a baseline, one dataclass per level of the file, and how evidence becomes one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from pytest_perfbudget.model import Environment, Latency, PlanEvidence, QueryEvidence, TestEvidence, Work

FORMAT = 1
"""The number in each file; a file with a greater one was written by a newer version."""


@dataclass(frozen=True, slots=True)
class PlanRecord:
    """A plan and how often it was used; ``version`` is that of the fingerprint, ``tree`` its normalised lines."""

    fingerprint: str
    version: int
    calls: int
    tree: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AcceptedRecord:
    """Another plan that is known to be right, with the reason given for it.

    ``work`` and ``cost`` are those of the whole query under this plan; ``work`` is None where nothing was counted, or
    where the query used other plans besides, so that the figures are not this plan's.
    """

    fingerprint: str
    version: int
    tree: tuple[str, ...]
    reason: str
    cost: float = 0.0
    work: Work | None = None


@dataclass(frozen=True, slots=True)
class LatencyRecord:
    """Figures of ``n`` executions in milliseconds; ``ci_ms`` bounds the gated quantile."""

    n: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    mean_ms: float
    ci_ms: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class QueryRecord:
    """One statement of one test, as recorded.

    ``site`` is ``file:function`` of the call (no line: it moves with every edit); ``accepted`` are plans that count as
    known besides ``plans``; ``generic`` is the plan without the parameters' values, where it was
    judged. ``work`` is None where nothing was counted; its cost is 0, the planner's estimate stands in ``cost``.
    """

    id: str
    sql: str
    plans: tuple[PlanRecord, ...]
    cost: float
    case: str | None = None
    site: str | None = None
    generic: PlanRecord | None = None
    accepted: tuple[AcceptedRecord, ...] = ()
    work: Work | None = None
    latency: LatencyRecord | None = None

    @property
    def key(self) -> str:
        """The same as ``QueryEvidence.key``: the identity, and the case where there is one."""
        return f"{self.id}:{self.case}" if self.case else self.id

    @property
    def known(self) -> frozenset[str]:
        """The fingerprints of the recorded and the accepted plans."""
        recorded = frozenset(plan.fingerprint for plan in self.plans)
        return recorded | {plan.fingerprint for plan in self.accepted}

    def used(self, query: QueryEvidence) -> AcceptedRecord | None:
        """The accepted plan that alone did the work of the query; None where that was the recorded one, or several."""
        marks = {plan.fingerprint for plan in query.plans}
        return next((one for one in self.accepted if marks == {one.fingerprint}), None)


@dataclass(frozen=True, slots=True)
class TestRecord:
    """One test: its statements in the order of their first execution, and its sums by the keys that bound them."""

    __test__ = False

    queries: tuple[QueryRecord, ...] = ()
    totals: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recorded:
    """When (ISO 8601), by whom, and why: the text of ``--perf-reason``, empty where none was needed."""

    at: str
    by: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Baseline:
    """One file: the tests of one budget under one major; ``tests`` is keyed by node id."""

    budget: str
    environment: Environment
    tests: dict[str, TestRecord]
    recorded: Recorded


def record(evidence: TestEvidence) -> TestRecord:
    """What a baseline keeps of a test's evidence."""
    return TestRecord(tuple(query_record(query) for query in evidence.queries), dict(evidence.totals))


def query_record(query: QueryEvidence) -> QueryRecord:
    """What a baseline keeps of a query's evidence. Plans are ordered by fingerprint: a multiset has no order."""
    return QueryRecord(
        id=query.id,
        sql=query.sql,
        plans=tuple(_plan(plan) for plan in sorted(query.plans, key=lambda plan: plan.fingerprint)),
        cost=round(query.cost, 2),
        case=query.case,
        site=site_text(query),
        generic=_plan(query.generic.plan) if query.generic else None,
        work=_counters(query),
        latency=latency_record(query.latency) if query.latency else None,
    )


def accept(old: QueryRecord, query: QueryEvidence, reason: str) -> QueryRecord:
    """The record with the query's unknown plans beside those it has; figures, where one plan did all the work."""
    unknown = [plan for plan in query.plans if plan.fingerprint not in old.known]
    alone = len(query.plans) == 1
    added = [
        AcceptedRecord(
            fingerprint=plan.fingerprint,
            version=plan.version,
            tree=plan.tree,
            reason=reason,
            cost=round(query.cost, 2) if alone else 0.0,
            work=_counters(query) if alone else None,
        )
        for plan in sorted(unknown, key=lambda plan: plan.fingerprint)
    ]
    return replace(old, accepted=(*old.accepted, *added))


def refresh(old: QueryRecord, query: QueryEvidence, used: AcceptedRecord) -> QueryRecord:
    """The record with today's figures of the accepted plan that did the work."""
    renewed = replace(used, cost=round(query.cost, 2), work=_counters(query))
    return replace(old, accepted=tuple(renewed if one is used else one for one in old.accepted))


def _counters(query: QueryEvidence) -> Work | None:
    return replace(query.work, cost=0.0) if query.work else None


def site_text(query: QueryEvidence) -> str | None:
    """``file:function`` of the first call site."""
    return f"{query.sites[0].file}:{query.sites[0].function}" if query.sites else None


def latency_record(latency: Latency) -> LatencyRecord:
    """Seconds → milliseconds, rounded to a microsecond."""
    p50, p95, p99, mean = (_ms(value) for value in (latency.p50, latency.p95, latency.p99, latency.mean))
    interval = latency.interval
    return LatencyRecord(latency.n, p50, p95, p99, mean, (_ms(interval[0]), _ms(interval[1])) if interval else None)


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)


def _plan(plan: PlanEvidence) -> PlanRecord:
    return PlanRecord(plan.fingerprint, plan.version, plan.calls, plan.tree)
