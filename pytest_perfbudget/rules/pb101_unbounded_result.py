"""PB101 unbounded-result

What it finds
    A query that returned 10,000 rows or more and has no LIMIT that would stop it: the topmost node, and what it only
    passes rows on from, is no Limit. COPY, CREATE TABLE and REFRESH are meant to take everything and do not count;
    neither does what writes.

Why it matters
    The result grows with the table. The server reads, sends and the application holds every row, long after the first
    page of them was enough.

Example
    SELECT id, total FROM orders WHERE status = 'done'
        Index Scan using orders_status_placed_idx on orders        returned 39,200 rows

Use instead
    A page at a time:   … ORDER BY id LIMIT 100, continued with WHERE id > the last one seen;
    an aggregate, where only a figure is wanted; a server-side cursor, where it must be everything.

Options
    rows    rows returned (10,000)
"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_perfbudget.plans.facts import rows
from pytest_perfbudget.plans.node import Node
from pytest_perfbudget.rules.base import Hit, Rule, Thresholds
from pytest_perfbudget.rules.subject import Subject
from pytest_perfbudget.units import format_count

_PASSES_ON = frozenset((
    "Result", "Subquery Scan", "Gather", "Gather Merge", "Sort", "Incremental Sort", "Materialize", "WindowAgg",
    "Unique", "LockRows",
))  # fmt: skip
"""Nodes that return no row more than they get."""

_EVERYTHING = ("copy", "create", "refresh")


def _check(subject: Subject, thresholds: Thresholds) -> Iterator[Hit]:
    root = subject.plan.root
    meant = subject.sql.lstrip().lower().startswith(_EVERYTHING) or root.type == "ModifyTable"
    if rows(root) >= thresholds["rows"] and not meant and not _limited(root):
        yield Hit(RULE.code, RULE.name, None, f"returned {format_count(rows(root))} rows, without LIMIT", root)


def _limited(node: Node) -> bool:
    while node.type in _PASSES_ON:
        below = [child for child in node.children if child.relationship in ("Outer", "Subquery")]
        if len(below) != 1:
            return False
        node = below[0]
    return node.type == "Limit"


RULE = Rule("PB101", "unbounded-result", frozenset({"analyze"}), _check, __doc__, {"rows": 10_000})
