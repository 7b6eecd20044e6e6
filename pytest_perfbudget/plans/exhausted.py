"""Which nodes were read to their end, so that the rows they produced are all there were.

EXPLAIN does not say when a node was stopped: by a LIMIT, by a merge join whose other side ended, by an EXISTS that had
its answer. Such a node produced fewer rows than were planned, and the estimate may have been right.
"""

from __future__ import annotations

from pytest_perfbudget.plans.facts import rows
from pytest_perfbudget.plans.node import Node, Plan

_READ_ALL = frozenset(("Sort", "Hash", "Bitmap Heap Scan", "BitmapAnd", "BitmapOr", "ModifyTable"))
"""Nodes that read what is below to its end before they give their first row."""

_STOP = frozenset(("Limit", "Merge Join", "Recursive Union"))


def exhausted(plan: Plan) -> frozenset[Node]:
    """The nodes that were executed and certainly read to their end, in every loop."""
    found = set()
    waiting = [(plan.root, True)]
    while waiting:
        node, ended = waiting.pop()
        if ended and node.loops:
            found.add(node)
        waiting.extend((child, _reads_all(node, child, ended)) for child in node.children)
    return frozenset(found)


def _reads_all(node: Node, child: Node, ended: bool) -> bool:
    """Whether ``node`` read ``child`` to its end; ``ended`` says whether it was itself."""
    if child.relationship in ("InitPlan", "SubPlan"):
        return child.type == "ModifyTable"
    if node.type in _READ_ALL or _hashed(node):
        return True
    if node.type == "Nested Loop" and child.relationship == "Inner":
        return ended and node.text("Join Type") in ("Inner", "Left") and node.fields.get("Inner Unique") is not True
    if node.type == "Hash Join":
        # Nothing to join with: the outer side is left after its first row.
        return ended and all(rows(other) > 0 for other in node.children if other.type == "Hash")
    return ended and node.type not in _STOP and not node.text("Run Condition")


def _hashed(node: Node) -> bool:
    return (node.type == "Aggregate" and node.text("Strategy") != "Sorted") or (
        node.type == "SetOp" and node.text("Strategy") == "Hashed"
    )
