"""Evidence and baselines to start from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pytest_perfbudget.baselines.record import Baseline, Recorded, record
from pytest_perfbudget.model import Environment, PlanEvidence, QueryEvidence, Site, TestEvidence, Verdict, Work

ENVIRONMENT = Environment("18.6", 18, "deterministic", "embedded", "C.UTF-8", 8192, False, indexes={"i": "btree (a)"})
RECORDED = Recorded("2026-11-24T10:00:00+00:00", "Ada", "")
LATER = Recorded("2026-12-01T10:00:00+00:00", "Grace", "")
INDEX_SCAN = ("Limit", "  Index Scan using orders_customer_idx on orders   Index Cond: customer_id = ?")
SEQ_SCAN = ("Limit", "  Seq Scan on orders   Filter: customer_id = ?")


@dataclass(frozen=True)
class Pair:
    old: str | None
    new: str | None
    verdict: Verdict


def query(**values: Any) -> QueryEvidence:
    """A statement that touches 23 buffers by an index scan, with ``values`` changed."""
    buffers = values.pop("buffers", 23)
    tree = values.pop("tree", INDEX_SCAN)
    mark = "seq" if tree is SEQ_SCAN else "index"
    given = {
        "id": "aaaaaaaaaaaa",
        "sql": "SELECT * FROM orders WHERE customer_id = $1 LIMIT 20",
        "case": None,
        "calls": 1,
        "sites": (Site("app/orders.py", 88, "recent"),),
        "plans": (PlanEvidence(mark, 1, 1, tree),),
        "work": Work(buffers=buffers, rows=20, cost=8.44),
        "cost": 8.44,
    }
    return QueryEvidence(**{**given, **values})


def evidence(*queries: QueryEvidence, test: str = "tests/test_a.py::test_recent", **values: Any) -> TestEvidence:
    totals = {"work.buffers": float(sum(q.work.buffers for q in queries if q.work)), "queries.max": float(len(queries))}
    return TestEvidence(
        test, "orders.recent", queries, values.get("totals", totals), values.get("environment", ENVIRONMENT)
    )


def baseline(*tests: TestEvidence, recorded: Recorded = RECORDED) -> Baseline:
    return Baseline("orders.recent", ENVIRONMENT, {one.test: record(one) for one in tests}, recorded)
