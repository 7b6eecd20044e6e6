"""PB104 not-in-subquery

What it finds
    A filter that asks a subplan for each row because of NOT IN (SELECT …) or <> ALL (SELECT …). With ANALYZE, only
    where the scan looked at 1,000 rows or more. Without ANALYZE, by its shape alone.

Why it matters
    PostgreSQL cannot make an anti join of it: one NULL among the subquery's rows makes the whole condition unknown, so
    every row has to be asked. As long as the subquery's result fits into work_mem it is hashed; beyond that it is read
    again for each row. And one NULL returns no row at all, which is seldom meant.

Example
    SELECT id FROM customers WHERE id NOT IN (SELECT customer_id FROM orders)
        Seq Scan on customers   Filter: NOT (hashed SubPlan)
          SubPlan: Seq Scan on orders

Use instead
    WHERE NOT EXISTS (SELECT 1 FROM orders WHERE orders.customer_id = customers.id), which becomes an anti join.

Options
    rows    rows the scan looked at, over all loops (1,000)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from pytest_perfbudget.plans.expression import normalise
from pytest_perfbudget.plans.facts import rows_scanned
from pytest_perfbudget.rules.base import Hit, Rule, Thresholds
from pytest_perfbudget.rules.subject import Subject
from pytest_perfbudget.units import format_count

_ASKED = re.compile(r"NOT \(.*SubPlan \d|ALL \(.*SubPlan \d|\A\((?:hashed )?SubPlan \d+\)\Z")
"""``NOT (hashed SubPlan 1)``, since 17 ``NOT (ANY (id = (SubPlan 1).col1))``; <> ALL alone is ``(SubPlan 1)``, since 17
``(ALL (id <> (SubPlan 1).col1))``. ``NOT EXISTS(SubPlan 1)`` is another thing."""


def _check(subject: Subject, thresholds: Thresholds) -> Iterator[Hit]:
    if not _written(subject.sql):
        return
    for node in subject.plan.root.walk():
        condition = node.text("Filter") or ""
        few = subject.plan.analyzed and rows_scanned(node) < thresholds["rows"]
        if few or not _ASKED.search(condition):
            continue
        looked = f"asked for {format_count(rows_scanned(node))} rows, " if subject.plan.analyzed else ""
        relation = node.alias or node.relation
        yield Hit(RULE.code, RULE.name, relation, f"{looked}Filter: {normalise(condition)}", node)


@lru_cache(maxsize=1024)
def _written(sql: str) -> bool:
    """Whether the text says NOT IN (SELECT …) or <> ALL (SELECT …): a plan of PostgreSQL ≤ 16 shows
    NOT EXISTS the same way."""
    import pgparse

    try:
        return _holds(pgparse.parse(sql))
    except (pgparse.PGQueryError, ValueError):
        return False


def _holds(tree: Any) -> bool:
    if isinstance(tree, list):
        return any(_holds(part) for part in tree)
    if not isinstance(tree, dict):
        return False
    negated, linked = tree.get("BoolExpr", {}), tree.get("SubLink", {})
    if negated.get("boolop") == "NOT_EXPR":
        found = [part.get("SubLink", {}).get("subLinkType") for part in negated["args"]]
        if "ANY_SUBLINK" in found:
            return True
    if linked.get("subLinkType") == "ALL_SUBLINK" and linked["operName"][-1]["String"]["sval"] == "<>":
        return True
    return any(_holds(part) for part in tree.values())


RULE = Rule("PB104", "not-in-subquery", frozenset({"plan", "sql"}), _check, __doc__, {"rows": 1_000})
