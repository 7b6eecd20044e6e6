"""The conditions and keys of a node that belong to its shape, normalised."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_perfbudget.plans.expression import normalise
from pytest_perfbudget.plans.node import Node

# fmt: off
DETAILS = (
    "Window", "Run Condition", "Sort Key", "Presorted Key", "Group Key", "Hash Cond", "Merge Cond", "Index Cond",
    "Order By", "TID Cond", "Recheck Cond", "Join Filter", "Filter", "One-Time Filter", "Cache Key",
    "Conflict Resolution", "Conflict Arbiter Indexes", "Conflict Filter", "Sampling Method",
)
# fmt: on
"""The keys that belong to the shape, in the order they are written."""


def details(node: Node) -> Iterator[str]:
    """``Filter: total > ?``, in the order of ``DETAILS``; then the keys of grouping sets."""
    fields = node.fields
    for key in DETAILS:
        if key in fields and (values := node.texts(key)):
            yield f"{key}: {', '.join(map(normalise, values))}"
    for key in ("Group Keys", "Hash Keys") if "Grouping Sets" in fields else ():
        sets = [", ".join(map(normalise, group)) or "()" for group in _grouping_sets(node, key)]
        if sets:
            yield f"{key}: {' | '.join(sets)}"


def _grouping_sets(node: Node, key: str) -> Iterator[list[str]]:
    """GROUPING SETS nest their keys: ``[{"Group Keys": [["a"], ["b"], []]}]``; the empty one is the grand total."""
    held = node.fields.get("Grouping Sets")
    for part in held if isinstance(held, list) else ():
        groups = part.get(key) if isinstance(part, dict) else None
        for group in groups if isinstance(groups, list) else ():
            texts = [text for text in group if isinstance(text, str) and text] if isinstance(group, list) else []
            yield texts
