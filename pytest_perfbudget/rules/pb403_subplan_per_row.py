"""PB403 subplan-per-row

What it finds
    A subquery that was executed 1,000 times or more, once for each row (or each distinct value) of the query around it.

Why it matters
    It is a nested loop that the planner cannot turn round: a correlated subquery in SELECT or in an OR is executed for
    every row, whatever its number.

Example
    SELECT c.id, (SELECT max(total) FROM orders o WHERE o.customer_id = c.id) FROM customers c
        SubPlan: Aggregate        executed 2,000 times

Use instead
    A join with a grouped subquery:   … LEFT JOIN (SELECT customer_id, max(total) FROM orders GROUP BY 1) o ON …;
    LATERAL with LIMIT, where a few rows per outer row are wanted; EXISTS as a condition of its own instead of in an OR.

Options
    loops    executions (1,000)
"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_perfbudget.plans.facts import blocks
from pytest_perfbudget.plans.node import Node
from pytest_perfbudget.rules.base import Hit, Rule, Thresholds
from pytest_perfbudget.rules.subject import Subject
from pytest_perfbudget.units import format_count


def _check(subject: Subject, thresholds: Thresholds) -> Iterator[Hit]:
    for node in subject.plan.nodes:
        if node.relationship == "SubPlan" and node.loops >= thresholds["loops"]:
            touched = f", touched {format_count(blocks(node))} blocks" if subject.plan.buffered else ""
            words = f"subquery executed {format_count(node.loops)} times{touched}"
            yield Hit(RULE.code, RULE.name, _read(node), words, node)


def _read(subplan: Node) -> str | None:
    """The first table it reads."""
    return next((node.alias or node.relation for node in subplan.walk() if node.relation), None)


RULE = Rule("PB403", "subplan-per-row", frozenset({"analyze"}), _check, __doc__, {"loops": 1_000})
