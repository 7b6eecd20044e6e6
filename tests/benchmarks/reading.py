"""How long it takes to read a plan and to name a statement: ``pytest tests/benchmarks/reading.py``.

A plan of 15 nodes, as most statements have, and a partition plan of 10,000, each as EXPLAIN's text and in the frame of
psql; the last test prints by which power of the nodes the time grows (1 is linear).
"""

from __future__ import annotations

import json
import math
import statistics
import time
from typing import Any

import pytest

from pytest_perfbudget.plans.parse import parse
from pytest_perfbudget.statements import normalise

SQL = (
    "SELECT o.id, o.total, c.name, count(*) FILTER (WHERE l.qty > 3) AS many FROM orders o JOIN customers c ON c.id ="
    " o.customer_id LEFT JOIN lines l ON l.order_id = o.id WHERE o.status IN ('open', 'late', 'new') AND o.placed >="
    " '2024-01-01' GROUP BY o.id, c.name ORDER BY o.placed DESC, o.id LIMIT 20"
)
ZEROES = [f"{place} {what} Blocks" for place in ("Shared", "Local") for what in ("Hit", "Read", "Dirtied", "Written")]


def scan(number: int) -> dict[str, Any]:
    """An executed scan of one partition, with the keys EXPLAIN writes."""
    return {
        "Node Type": "Seq Scan",
        "Parent Relationship": "Member",
        "Parallel Aware": False,
        "Async Capable": False,
        "Relation Name": f"orders_{number}",
        "Alias": f"orders_{number}",
        "Startup Cost": 0.0,
        "Total Cost": 35.5,
        "Plan Rows": 13,
        "Plan Width": 44,
        "Actual Rows": 13.0,
        "Actual Loops": 1,
        "Disabled": False,
        "Filter": f"(customer_id = {number})",
        "Rows Removed by Filter": 1987,
        **dict.fromkeys([*ZEROES, "Temp Read Blocks", "Temp Written Blocks"], 0),
    }


def text(nodes: int) -> str:
    """Appended partitions; so many nodes in all."""
    append = {**scan(0), "Node Type": "Append", "Plans": [scan(number) for number in range(1, nodes)]}
    return json.dumps([{"Plan": append, "Planning Time": 1.0, "Execution Time": 9.0}], indent=2)


def framed(document: str) -> str:
    """As psql prints it."""
    lines = document.split("\n")
    width = max(map(len, lines))
    cell = " +\n".join(f" {line.ljust(width)}" for line in lines).replace(" +\n", "+\n")
    return f"{'QUERY PLAN'.center(width)}\n{'-' * (width + 2)}\n{cell}\n(1 row)\n"


@pytest.mark.parametrize("nodes", [15, 10_000])
@pytest.mark.parametrize("wrapping", [str, framed])
def test_a_plan_is_read(benchmark: Any, nodes: int, wrapping: Any) -> None:
    document = wrapping(text(nodes))
    plan = benchmark.pedantic(parse, (document,), rounds=200 if nodes == 15 else 10, warmup_rounds=2)
    assert sum(1 for _ in plan.root.walk()) == nodes


def test_a_statement_is_named(benchmark: Any) -> None:
    assert benchmark(normalise.__wrapped__, SQL).startswith("select o.id, o.total")


def test_growth(capsys: pytest.CaptureFixture[str]) -> None:
    small, large = (statistics.median(_timed(text(nodes)) for _ in range(9)) for nodes in (1_000, 10_000))
    with capsys.disabled():
        print(f"\nreading: nodes^{math.log10(large / small):.2f} from 1,000 to 10,000 nodes")


def _timed(document: str) -> float:
    start = time.perf_counter()
    parse(document)
    return time.perf_counter() - start
