"""A plan as lines of text: short enough to review, the same for every execution of the same plan.

One node per line, two spaces of indent per level, its conditions after three spaces. Costs, rows, times, workers, sort
methods and literals are left out; the schema too, so that two schemas searched in turn give one text. Beneath a scan of
Citus the numbers of shards go: ``lineitem_360000`` is ``lineitem``.
"""

from __future__ import annotations

from collections.abc import Sequence

from pytest_perfbudget.plans.details import DETAILS, details
from pytest_perfbudget.plans.labels import label
from pytest_perfbudget.plans.names import spaced, unsharded
from pytest_perfbudget.plans.node import Node, Plan
from pytest_perfbudget.plans.serial import serial

INDENT = "  "
GAP = "   "
"""What separates a node from its conditions, and those from each other."""

_DISTRIBUTED = "Distributed Query"
"""The key beneath which Citus shows the plans of its shards."""
_NUMBERED = ("SubPlan", "InitPlan")


def tree(plan: Plan, *, parallel: bool = True) -> tuple[str, ...]:
    """The plan's lines: ``("Limit", "  Index Scan using orders_pkey on orders   Index Cond: id = ?")``.

    With ``parallel=False`` those of the plan one process would execute (``plans.serial``).
    """
    lines: list[str] = []
    waiting = [(plan.root if parallel else serial(plan.root), 0, False)]
    while waiting:
        node, depth, sharded = waiting.pop()
        lines.append(INDENT * depth + line(_unsharded(node) if sharded else node))
        sharded = sharded or _DISTRIBUTED in node.fields
        children = _distinct(node.children) if node.type == "BitmapOr" else node.children
        waiting.extend((child, depth + 1, sharded) for child in reversed(children))
    return tuple(lines)


def _unsharded(node: Node) -> Node:
    """The node of a shard as that of the table."""
    texts = {key: unsharded(held) for key, held in node.fields.items() if isinstance(held, str)}
    lists = {key: [unsharded(text) for text in node.texts(key)] for key in DETAILS if key not in texts}
    return Node(node.type, {**node.fields, **texts, **lists}, node.children)


def _distinct(parts: Sequence[Node]) -> list[Node]:
    """The parts of a BitmapOr, those of one line once: a list of rows gives as many as it is long."""
    single = {line(part): part for part in reversed(parts) if not part.children}
    return [part for part in parts if part.children or part is single[line(part)]]


def line(node: Node) -> str:
    """One node without its indent. A subplan carries its role before its type: ``CTE recent: Seq Scan on orders``."""
    role = _role(node) if "Subplan Name" in node.fields else ""
    return GAP.join([f"{role}: {label(node)}" if role else label(node), *details(node)])


def _role(node: Node) -> str:
    """The name of a subplan; only its kind where PostgreSQL numbered it."""
    name = node.subplan_name or ""
    return next((kind for kind in _NUMBERED if name.startswith(f"{kind} ") or name == kind), spaced(name))
