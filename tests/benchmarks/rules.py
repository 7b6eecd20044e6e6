"""How long all rules take on one plan: ``pytest tests/benchmarks/rules.py``.

A plan of 15 nodes, as most statements have, and partition plans of 1,000 and 10,000 nodes; the last test prints by
which power of the nodes the time grows (1 is linear). Every round looks at a plan just parsed: what a plan remembers of
its nodes is part of the price.
"""

from __future__ import annotations

import math
import statistics
import time
from typing import Any

import pytest

from pytest_perfbudget.plans.node import Plan
from pytest_perfbudget.plans.parse import parse
from pytest_perfbudget.plans.shares import shares
from pytest_perfbudget.rules import BUILTIN
from pytest_perfbudget.rules.base import check
from pytest_perfbudget.rules.subject import Subject


def scan(number: int) -> dict[str, Any]:
    """An executed index scan of one partition."""
    counters = {f"{place} {what} Blocks": 0 for place in ("Local", "Temp") for what in ("Hit", "Read", "Written")}
    return counters | {
        "Node Type": ("Index Scan", "Seq Scan", "Bitmap Heap Scan")[number % 3],
        "Parent Relationship": "Member",
        "Relation Name": f"orders_{number}",
        "Alias": f"orders_{number}",
        "Plan Rows": 90,
        "Actual Rows": 100.0,
        "Actual Loops": 1,
        "Filter": f"((status = 'open'::text) AND (customer_id = {number}))",
        "Rows Removed by Filter": 12,
        "Shared Hit Blocks": 7,
        "Shared Read Blocks": 1,
    }


def document(nodes: int) -> list[dict[str, Any]]:
    """Joins of appended scans under a sort and a limit; so many nodes in all."""
    append = {**scan(0), "Node Type": "Append", "Plans": [scan(number) for number in range(nodes - 5)]}
    join = {**scan(0), "Node Type": "Nested Loop", "Join Type": "Inner", "Plans": [append, scan(1)]}
    sort = {**scan(0), "Node Type": "Sort", "Sort Key": ["total"], "Plans": [{**scan(0), "Node Type": "Hash"}, join]}
    return [{"Plan": {**scan(0), "Node Type": "Limit", "Plans": [sort]}, "Planning Time": 1.0, "Execution Time": 9.0}]


@pytest.mark.parametrize("nodes", [15, 1_000, 10_000])
def test_all_rules(benchmark: Any, nodes: int) -> None:
    held = document(nodes)
    benchmark.pedantic(rules_of, setup=lambda: ((parse(held),), {}), rounds=200 if nodes == 15 else 10, warmup_rounds=2)


@pytest.mark.parametrize("nodes", [15, 10_000])
def test_shares(benchmark: Any, nodes: int) -> None:
    held = document(nodes)
    benchmark.pedantic(shares, setup=lambda: ((parse(held),), {}), rounds=200 if nodes == 15 else 10, warmup_rounds=2)


def test_growth(capsys: pytest.CaptureFixture[str]) -> None:
    small, large = (statistics.median(_timed(parse(document(nodes))) for _ in range(9)) for nodes in (1_000, 10_000))
    with capsys.disabled():
        print(f"\nrules: nodes^{math.log10(large / small):.2f} from 1,000 to 10,000 nodes")


def rules_of(plan: Plan) -> object:
    return check(Subject(plan), BUILTIN)


def _timed(plan: Plan) -> float:
    start = time.perf_counter()
    rules_of(plan)
    return time.perf_counter() - start
