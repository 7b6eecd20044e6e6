"""What a node is called: the words of EXPLAIN's text format, and the classes that patterns know."""

from __future__ import annotations

from itertools import product

from pytest_perfbudget.plans.names import generated, quoted, spaced, stable
from pytest_perfbudget.plans.node import Node

# fmt: off
SCANS = frozenset((
    "Seq Scan", "Sample Scan", "Index Scan", "Index Only Scan", "Bitmap Heap Scan", "Tid Scan", "Tid Range Scan",
    "Subquery Scan", "Function Scan", "Table Function Scan", "Values Scan", "CTE Scan", "Named Tuplestore Scan",
    "WorkTable Scan", "Foreign Scan", "Custom Scan",
))
JOINS = frozenset(("Nested Loop", "Hash Join", "Merge Join"))
_OTHERS = frozenset((
    "Bitmap Index Scan", "BitmapAnd", "BitmapOr", "Result", "ProjectSet", "ModifyTable", "Insert", "Update", "Delete",
    "Merge", "Append", "Merge Append", "Recursive Union", "Gather", "Gather Merge", "Materialize", "Memoize", "Sort",
    "Incremental Sort", "Group", "WindowAgg", "Unique", "SetOp", "HashSetOp", "LockRows", "Limit", "Hash",
))
# fmt: on
_AGGREGATES = {"Plain": "Aggregate", "Sorted": "GroupAggregate", "Hashed": "HashAggregate", "Mixed": "MixedAggregate"}
_JOIN_TYPES = ("Left", "Right", "Full", "Semi", "Anti", "Right Semi", "Right Anti")
_WRITES = ("Insert", "Update", "Delete")
_SET_OPERATIONS = ("Except", "Except All", "Intersect", "Intersect All")
CLASSES = frozenset(("Index Access", "Join", "Scan"))
_TARGETS = ("Relation Name", "CTE Name", "Function Name", "Table Function Name", "Tuplestore Name")
_INDEX_ACCESS = frozenset(("Index Scan", "Index Only Scan"))

KNOWN: frozenset[str] = (
    SCANS
    | JOINS
    | _OTHERS
    | CLASSES
    | {f"{partial}{name}" for partial, name in product(("", "Partial ", "Finalize "), _AGGREGATES.values())}
    | {f"{hashed}SetOp {command}" for hashed, command in product(("", "Hash"), _SET_OPERATIONS)}
    | {f"Foreign {operation}" for operation in _WRITES}
    | {f"{join.removesuffix(' Join')} {kind} Join" for join, kind in product(JOINS, _JOIN_TYPES)}
)
"""Every name a pattern may give: the node types of majors 14 to 18, their text forms, and the classes."""


def kind(node: Node) -> str:
    """The node's type as the text format writes it: ``Hash Left Join``, ``HashAggregate``, ``Insert``."""
    if node.type in _KINDS:
        return _KINDS[node.type](node)
    if node.type in JOINS and node.text("Join Type") not in (None, "Inner"):
        return f"{node.type.removesuffix(' Join')} {node.text('Join Type')} Join"
    if node.type == "Foreign Scan" and node.text("Operation") in _WRITES:
        return f"Foreign {node.text('Operation')}"
    provider = node.text("Custom Plan Provider")
    return f"{node.type} ({provider})" if provider else node.type


def names(node: Node) -> frozenset[str]:
    """Everything the node answers to in a pattern: its JSON type, its text form, its classes."""
    plain = _AGGREGATES.get(node.text("Strategy") or "") if node.type == "Aggregate" else None
    plain = "HashSetOp" if node.type == "SetOp" and node.text("Strategy") == "Hashed" else plain
    classes = {"Join"} if node.type in JOINS else {"Scan"} if node.type in SCANS else set()
    if node.type in _INDEX_ACCESS or (node.type == "Bitmap Heap Scan" and indexes(node)):
        classes.add("Index Access")
    return frozenset({node.type, kind(node), *classes} | ({plain} if plain else set()))


def indexes(node: Node) -> tuple[str, ...]:
    """The indexes a scan reads: its own, or those of the bitmap beneath it."""
    if node.type != "Bitmap Heap Scan":
        return (node.index,) if node.index else ()
    return tuple(below.index for below in node.walk() if below.type == "Bitmap Index Scan" and below.index)


def label(node: Node) -> str:
    """``Index Scan using orders_customer_idx on orders o``: type, index, relation and alias, as EXPLAIN writes them."""
    words = [f"Parallel {kind(node)}" if node.parallel else kind(node)]
    if node.text("Scan Direction") == "Backward":
        words.append("Backward")
    if node.index:
        words.append(("on " if node.type == "Bitmap Index Scan" else "using ") + quoted(stable(node.index)))
    target = _target(node)
    if target:
        words += ["on", target]
    return spaced(" ".join(words))


def _target(node: Node) -> str:
    fields, alias = node.fields, node.alias
    name = next((node.text(key) for key in _TARGETS if fields.get(key)), None)
    written = quoted(stable(name)) if name else ""
    if not alias or alias == name or generated(alias):
        return written
    return f"{written} {quoted(stable(alias))}" if written else quoted(stable(alias))


def _aggregate(node: Node) -> str:
    mode = node.text("Partial Mode")
    prefix = f"{mode} " if mode in ("Partial", "Finalize") else ""
    return prefix + _AGGREGATES.get(node.text("Strategy") or "", "Aggregate")


def _modify(node: Node) -> str:
    return node.text("Operation") or node.type


def _set_operation(node: Node) -> str:
    hashed = "Hash" if node.text("Strategy") == "Hashed" else ""
    return f"{hashed}SetOp {node.text('Command') or ''}".strip()


_KINDS = {"Aggregate": _aggregate, "ModifyTable": _modify, "SetOp": _set_operation}
