"""PB209 trailing-column-filter

What it finds
    A btree read with an Index Cond that leaves its first column open: the condition is on a later column alone. Not on
    PostgreSQL 18, which can skip from value to value of the first column.

Why it matters
    A btree is sorted by its first column. Without a condition on it the whole index is read, and the Index Cond is
    checked on every entry: the plan looks like a lookup and does the work of a scan.

Example
    SELECT sku FROM items WHERE qty = 3                 with an index on (sku, qty)
        Index Only Scan using items_sku_idx on items   Index Cond: qty = ?

Use instead
    An index that begins with the column of the condition:   CREATE INDEX ON items (qty, sku);

Options
    pages    8 kB pages of the table; smaller tables are not looked at (10)
"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_perfbudget.model import Index
from pytest_perfbudget.plans.conditions import Operand, comparisons, expression
from pytest_perfbudget.plans.expression import normalise
from pytest_perfbudget.plans.node import Node
from pytest_perfbudget.rules.base import Hit, Rule, Thresholds
from pytest_perfbudget.rules.subject import Subject

_SKIPS_SINCE = 18
_READ = ("Index Scan", "Index Only Scan", "Bitmap Index Scan")


def _check(subject: Subject, thresholds: Thresholds) -> Iterator[Hit]:
    assert subject.catalogue
    if subject.catalogue.major >= _SKIPS_SINCE:
        return
    for node in subject.plan.root.walk():
        found = subject.catalogue.index(node.index) if node.type in _READ else None
        if not found or found[0].pages < thresholds["pages"] or not _leaves_first_open(node, found[1]):
            continue
        table, index = found
        keys = ", ".join(key.column or key.expression or "" for key in index.keys)
        condition = " AND ".join(map(normalise, node.texts("Index Cond")))
        words = f"read the whole of {index.name} ({keys}) for Index Cond: {condition}"
        yield Hit(RULE.code, RULE.name, node.alias or table.name, words, node)


def _leaves_first_open(node: Node, index: Index) -> bool:
    if index.method != "btree" or len(index.keys) < 2:
        return False
    operands = [side for text in node.texts("Index Cond") for one in comparisons(text) for side, _ in one.operands]
    first = index.keys[0]
    return bool(operands) and not any(_is(operand, first.column, first.expression) for operand in operands)


def _is(operand: Operand, column: str | None, written: str | None) -> bool:
    if column:
        return column in {name for _, name in operand.columns}
    known = expression(written or "")
    return known is None or known.shape == operand.shape


RULE = Rule("PB209", "trailing-column-filter", frozenset({"plan", "catalogue"}), _check, __doc__, {"pages": 10})
