"""Every node type that ``ExplainNode`` in PostgreSQL's explain.c writes, with its variants, and what is recorded of it.

The types are the same in majors 14 to 18; some variants have a first or a last major that writes them.
"""

from __future__ import annotations

from collections.abc import Iterator

from recorded_plans import document, names

from pytest_perfbudget.plans.node import Node
from pytest_perfbudget.plans.parse import parse

NODE_TYPES = (
    "Result", "ProjectSet", "ModifyTable", "Append", "Merge Append", "Recursive Union", "BitmapAnd", "BitmapOr",
    "Nested Loop", "Merge Join", "Hash Join", "Seq Scan", "Sample Scan", "Gather", "Gather Merge", "Index Scan",
    "Index Only Scan", "Bitmap Index Scan", "Bitmap Heap Scan", "Tid Scan", "Tid Range Scan", "Subquery Scan",
    "Function Scan", "Table Function Scan", "Values Scan", "CTE Scan", "Named Tuplestore Scan", "WorkTable Scan",
    "Foreign Scan", "Custom Scan", "Materialize", "Memoize", "Sort", "Incremental Sort", "Group", "Aggregate",
    "WindowAgg", "Unique", "SetOp", "LockRows", "Limit", "Hash",
)  # fmt: skip

_JOIN_TYPES = {
    "Nested Loop": ("Inner", "Left", "Semi", "Anti"),
    "Merge Join": ("Inner", "Left", "Right", "Full", "Semi", "Anti", "Right Anti"),
    "Hash Join": ("Inner", "Left", "Right", "Full", "Semi", "Anti", "Right Anti", "Right Semi"),
}
_VARIANTS: dict[tuple[str, str], tuple[str, ...]] = {
    **{(join, "Join Type"): types for join, types in _JOIN_TYPES.items()},
    ("ModifyTable", "Operation"): ("Insert", "Update", "Delete", "Merge"),
    ("Foreign Scan", "Operation"): ("Select", "Insert", "Update", "Delete"),
    ("Aggregate", "Strategy"): ("Plain", "Sorted", "Hashed", "Mixed"),
    ("Aggregate", "Partial Mode"): ("Simple", "Partial", "Finalize"),
    ("SetOp", "Strategy"): ("Sorted", "Hashed"),
    ("SetOp", "Command"): ("Intersect", "Intersect All", "Except", "Except All"),
    ("Index Scan", "Scan Direction"): ("Forward", "Backward", "NoMovement"),
    ("Memoize", "Cache Mode"): ("logical", "binary"),
}
_SINCE = {"Merge": 15, "Right Anti": 16, "Right Semi": 18}
_UNTIL = {"NoMovement": 15}

UNREACHABLE = {
    "Custom Scan": "only extensions make one; a document modelled on Citus stands for it",
    "Foreign Scan, Operation Insert": "no wrapper of contrib pushes an INSERT down",
}
"""What neither the core nor contrib can produce, and why."""


def variants(major: int) -> tuple[str, ...]:
    """``"Hash Join, Join Type Right Semi"``: all that ``major`` can write."""
    return tuple(
        f"{kind}, {key} {value}"
        for (kind, key), values in _VARIANTS.items()
        for value in values
        if _SINCE.get(value, 0) <= major <= _UNTIL.get(value, major)
    )


def recorded(major: int) -> frozenset[str]:
    """The node types and variants in the documents of ``major``."""
    plans = (parse(document(name, major)) for name in names(major))
    return frozenset(word for plan in plans for node in plan.root.walk() for word in _words(node))


def _words(node: Node) -> Iterator[str]:
    yield node.type
    for kind, key in _VARIANTS:
        if kind == node.type and node.text(key):
            yield f"{kind}, {key} {node.text(key)}"


def table(majors: tuple[int, ...]) -> str:
    """The table of the reference: a row per node type and variant, a column per major."""
    found = {major: recorded(major) for major in majors}
    can = {major: {*NODE_TYPES, *variants(major)} for major in majors}
    rows = [f"| node | {' | '.join(map(str, majors))} |", f"|---|{'---|' * len(majors)}"]
    for word in (*NODE_TYPES, *dict.fromkeys(word for major in reversed(majors) for word in variants(major))):
        cells = ["✓" if word in found[major] else "missing" if word in can[major] else "–" for major in majors]
        cells = ["no" if cell == "missing" and word in UNREACHABLE else cell for cell in cells]
        rows.append(f"| {word} | {' | '.join(cells)} |")
    for title, words in (("node types", set(NODE_TYPES)), ("with variants", None)):
        counts = [f"{len((words or can[m]) & found[m])}/{len(words or can[m])}" for m in majors]
        rows.append(f"| **{title}** | {' | '.join(counts)} |")
    return "\n".join(rows)
