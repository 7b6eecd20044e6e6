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

    ``site`` is ``file:function`` of the call (no line: it moves with every edit); ``accepted`` are fingerprints
    that count as known besides ``plans``; ``generic`` is the plan without the parameters' values, where it was
    judged. ``work`` is None where nothing was counted; its cost is 0, the planner's estimate stands in ``cost``.
    """

    id: str
    sql: str
    plans: tuple[PlanRecord, ...]
    cost: float
    case: str | None = None
    site: str | None = None
    generic: PlanRecord | None = None
    accepted: tuple[str, ...] = ()
    work: Work | None = None
    latency: LatencyRecord | None = None

    @property
    def key(self) -> str:
        """The same as ``QueryEvidence.key``: the identity, and the case where there is one."""
        return f"{self.id}:{self.case}" if self.case else self.id


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
        work=replace(query.work, cost=0.0) if query.work else None,
        latency=latency_record(query.latency) if query.latency else None,
    )


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
