"""Evidence, budgets and baselines to judge, made of as little as possible."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pytest_perfbudget.baselines.record import Baseline, Recorded, record
from pytest_perfbudget.budgets.budget import Budget
from pytest_perfbudget.budgets.inline import inline
from pytest_perfbudget.errors import At
from pytest_perfbudget.model import Environment, Site, Statement, TestEvidence
from pytest_perfbudget.verdict.gather import gather

ENVIRONMENT = Environment("18.6", 18, "deterministic", "embedded", "C.UTF-8", 8192, False)
SQL = "SELECT * FROM orders WHERE id = $1"


def scan(node: str = "Index Scan", blocks: int = 4, **more: Any) -> dict[str, Any]:
    """An executed plan of one node on ``orders``."""
    index = {"Index Name": "orders_pkey", "Index Cond": "(id = 1)"} if node.startswith("Index") else {}
    counters = {"Actual Rows": 1, "Actual Loops": 1, "Shared Hit Blocks": blocks, "Shared Read Blocks": 0}
    fields = {"Node Type": node, "Relation Name": "orders", "Alias": "orders", "Total Cost": float(blocks)}
    return {"Query Text": SQL, "Plan": fields | index | counters | more}


def statement(*plans: dict[str, Any], sql: str = SQL, function: str = "recent", **more: Any) -> Statement:
    """One execution from ``app.py``."""
    return Statement(sql, site=Site("app.py", 7, function), plans=list(plans), rows=1, **more)


def evidence(*statements: Statement, environment: Environment = ENVIRONMENT) -> TestEvidence:
    return gather("test_shop.py::test_recent", "orders.recent", statements, environment)


def budget(**keys: Any) -> Budget:
    """A budget of these keys, validated as in a marker; of a key at least one is needed."""
    return inline(keys or {"queries": {"max": 1000}}, At("budgets/orders.toml", 1), "orders.recent")


def baseline(of: TestEvidence, **environment: Any) -> Baseline:
    """What an update would have recorded of ``of``."""
    return Baseline(
        "orders.recent", replace(of.environment, **environment), {of.test: record(of)}, Recorded("2026-01-01", "us")
    )
