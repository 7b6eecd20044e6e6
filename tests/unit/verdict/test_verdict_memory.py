"""A test with very many statements: their plans are looked at one after the other."""

from __future__ import annotations

import json
import tracemalloc
from datetime import date

from verdict_data import SQL, budget, evidence, scan

from pytest_perfbudget.capture.documents import Documents
from pytest_perfbudget.capture.record import Captured
from pytest_perfbudget.verdict.judge import Bench, judge

MANY = 6000


def test_the_plans_of_many_statements_are_not_kept() -> None:
    kept = Documents()
    bodies = (json.dumps(scan(blocks=n % 50, **{"Index Cond": f"(id = {n})"})).encode() for n in range(MANY))
    statements = [Captured(SQL, rows=1, plans=(kept.keep(SQL.encode(), body),)) for body in bodies]  # type: ignore[arg-type]
    held = budget(plan={"forbid": ["Seq Scan on orders"], "rules": {"PB201": "on"}}, work={"buffers": 1})
    tracemalloc.start()
    try:
        seen = evidence(*statements)
        judgement = judge(held, seen, None, Bench(date(2026, 1, 1)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    (query,) = seen.queries
    assert query.work is not None
    assert query.work.buffers == sum(n % 50 for n in range(MANY))
    assert sum(plan.calls for plan in query.plans) == MANY
    assert [one.code for one in judgement.findings if one.measured] == ["work.buffers"]
    assert peak < 12_000_000  # 5.4 MB with what is remembered; 24.7 MB if every plan is kept
