"""Results to start from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pytest_perfbudget.errors import At
from pytest_perfbudget.model import (
    Environment,
    Finding,
    Latency,
    PlanEvidence,
    Problem,
    QueryEvidence,
    RunResult,
    Site,
    TestEvidence,
    TestResult,
    Verdict,
    Work,
)
from pytest_perfbudget.model.growth import Grown, GrowthPoint
from pytest_perfbudget.model.resources import Used

ENVIRONMENT = Environment("18.6", 18, "deterministic", "embedded", "C.UTF-8", 8192, False, indexes={"i": "btree (a)"})
SITE = Site("app/orders.py", 88, "recent")
AT = At("budgets/orders.toml", 4)
ID = "aaaaaaaaaaaa"
DIFF = (
    "  Limit",
    "-   Index Scan using orders_customer_idx on orders   Index Cond: customer_id = ?",
    "+   Seq Scan on orders                               Filter: customer_id = ?   removed 199,980 of 200,000 rows",
)


def query(**values: Any) -> QueryEvidence:
    given: dict[str, Any] = {
        "id": ID,
        "sql": "SELECT id, total FROM orders WHERE customer_id = $1 ORDER BY placed_at DESC LIMIT 20",
        "case": None,
        "calls": 1,
        "sites": (SITE,),
        "plans": (PlanEvidence("f00d", 1, 1, ("Limit", "  Index Scan using i on orders")),),
        "work": Work(buffers=23, rows=20, inexact=frozenset({"rows"})),
        "cost": 8.44,
    }
    return QueryEvidence(**{**given, **values})


def evidence(*queries: QueryEvidence) -> TestEvidence:
    return TestEvidence("t", "orders.recent", queries or (query(),), {}, ENVIRONMENT)


def result(*findings: Finding, verdict: Verdict = Verdict.SAME, **values: Any) -> TestResult:
    given: dict[str, Any] = {"nodeid": "tests/test_orders.py::test_recent", "outcome": "passed", "evidence": evidence()}
    given |= values
    if findings:
        verdict = min((finding.verdict for finding in findings), key=lambda one: one.rank)
    return TestResult(budget="orders.recent", verdict=verdict, findings=findings, **given)


def run(*tests: TestResult, **values: Any) -> RunResult:
    given: dict[str, Any] = {"environment": ENVIRONMENT, "complete": True, "duration": 1.23456}
    return RunResult(id="r1", started="2026-11-24T10:00:00+00:00", tests=tests, **{**given, **values})


def regressed() -> TestResult:
    """The failure that STYLE.md aims at."""
    shape = Finding(
        "PB201",
        Verdict.REGRESSED,
        "sequential-scan   orders   was Index Scan using orders_customer_idx",
        query=ID,
        site=SITE,
        detail=DIFF,
        cause="index orders_customer_idx is gone from the schema",
        fix="CREATE INDEX ON orders (customer_id);     tried: buffers 2,170 → 8",
    )
    over = Finding(
        "work.buffers", Verdict.OVER, "work.buffers is 2,170, allowed 40", "work.buffers", 2170, 40, unit="buffers",
        query=ID, site=SITE, budget_at=AT,
    )  # fmt: skip
    rose = Finding(
        "work.buffers", Verdict.REGRESSED, "buffers rose", "work.buffers", 2170, baseline=23, unit="buffers", query=ID,
        site=SITE,
    )  # fmt: skip
    slow = Finding(
        "latency.p95", Verdict.OVER, "p95 is 41.8 ms", "latency.p95", 0.0418, 0.005, unit="s", query=ID, site=SITE,
        note="n=40, at least 40.5 ms, noise ±1.3 ms", budget_at=At("budgets/orders.toml", 6),
    )  # fmt: skip
    return result(
        over, slow, shape, rose, outcome="failed",
        evidence=replace(evidence(query(latency=LATENCY)), used=USED, growth=GROWTH),
    )  # fmt: skip


USED = (Used("cpu.per_call", 0.0021, "s", "n=90 on 3 backends"), Used("memory.peak", 3 << 20, "B", "n=7"))
POINTS = tuple(GrowthPoint(size, size / 200, "f00d") for size in (1000, 4000, 16_000, 64_000))
GROWTH = (
    Grown(ID, "buffers", "O(log n)", "beyond", "grows", True, (1.0, 0.97, 1.03), POINTS, ((4000, 16_000),)),
    Grown(None, "time", "O(n)", "within", "does not grow", False, (0.0, 0.0, None), POINTS),
)
BARS = ((0.031, 39), (0.0418, 1))
LATENCY = Latency(40, 0.0312, 0.0418, 0.0444, 0.0321, (0.0405, 0.0431), 0.0013, 900, {"generic": 40}, BARS, 1.31)
PROBLEM = Problem(
    "unused-budget",
    "no test uses orders.old",
    At("budgets/orders.toml", 12),
    "delete the table\nor mark a test with it",
)
