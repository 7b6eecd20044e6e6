"""Scans that have a condition and an index, and no use of the one for the other."""

from __future__ import annotations

from pytest_perfbudget.plans.node import Node

_DIRECT = ("Index Scan", "Index Only Scan")

DISABLED_COST = 1e10
"""What PostgreSQL ≤ 17 adds to the cost of a node that a setting forbids (``disable_cost``)."""


def walked(node: Node) -> str | None:
    """The index that a scan reads from end to end for a filter. An Order By (nearest neighbours) is a condition too."""
    if not node.text("Filter"):
        return None
    parts = [node] if node.type in _DIRECT else []
    if node.type == "Bitmap Heap Scan":
        parts = [below for below in node.walk() if below.type == "Bitmap Index Scan"]
    unconditional = (part for part in parts if not part.texts("Index Cond") and not part.texts("Order By"))
    return next((part.index or "its index" for part in unconditional), None)


def disabled(node: Node) -> bool:
    """Whether a setting forbids the node and nothing else was possible: marked on 18, by its cost below."""
    if "Disabled" in node.fields:
        return node.fields["Disabled"] is True
    return node.number("Total Cost") >= DISABLED_COST
