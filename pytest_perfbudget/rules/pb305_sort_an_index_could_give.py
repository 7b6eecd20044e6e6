"""PB305 sort-an-index-could-give

What it finds
    A Sort of 1,000 rows or more of one table, straight from its scan, by plain columns, where no btree gives that
    order: none that begins with the sort keys, nor with them after columns that the scan compares with =.

Why it matters
    All rows are read before the first is returned. Beneath a LIMIT an index in the right order reads those few alone.

Example
    SELECT * FROM orders WHERE status = 'done' ORDER BY placed DESC LIMIT 20
        Limit
          Sort   Sort Key: placed DESC               sorted 39,200 rows
            Seq Scan on orders   Filter: status = ?

Use instead
    An index on the columns compared with =, then the sort keys:   CREATE INDEX ON orders (status, placed DESC);

Options
    rows    rows sorted, over all loops (1,000)
"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_perfbudget.model import Index, Table
from pytest_perfbudget.plans.conditions import SortKey, sort_key
from pytest_perfbudget.plans.facts import rows
from pytest_perfbudget.plans.node import Node
from pytest_perfbudget.rules.base import Hit, Rule, Thresholds
from pytest_perfbudget.rules.subject import Subject
from pytest_perfbudget.rules.tables import columns_of, conditions, named, root, scans
from pytest_perfbudget.units import format_count

_CONDITIONS = ("Index Cond", "Recheck Cond", "Filter")


def _check(subject: Subject, thresholds: Thresholds) -> Iterator[Hit]:
    assert subject.catalogue
    tables = dict(scans(subject))
    for node in subject.plan.root.walk():
        if node.type not in ("Sort", "Incremental Sort") or not node.children:
            continue
        scan = node.children[0]
        table, sorted_rows = tables.get(scan), rows(scan)
        if not table or sorted_rows < thresholds["rows"]:
            continue
        keys = _keys(node, scan, table)
        equal = _compared(subject, scan, table)
        if keys and not any(_gives(index, keys, equal) for index in table.indexes):
            wanted = ", ".join([*sorted(equal - {name for name, _ in keys}), *map(_written, keys)])
            order = ", ".join(map(_written, keys))
            words = f"sorted {format_count(sorted_rows)} rows by {order}; an index on ({wanted}) would give that order"
            yield Hit(RULE.code, RULE.name, named(scan, root(subject.catalogue, table), table), words, node)


def _keys(node: Node, scan: Node, table: Table) -> list[tuple[str, SortKey]]:
    """The columns sorted by; none if one of the keys is something else."""
    keys = [sort_key(text) for text in node.texts("Sort Key")]
    if not all(key and key.operand.plain and columns_of(key.operand, scan, table) for key in keys):
        return []
    return [(key.operand.columns[0][1], key) for key in keys if key]


def _compared(subject: Subject, scan: Node, table: Table) -> frozenset[str]:
    """The columns that one value is asked of: within the rows found they do not disturb the order."""
    found: set[str] = set()
    for node in scan.walk():
        for _, one in conditions(subject, node, _CONDITIONS):
            for side, other in one.operands:
                if one.operator == "=" and not one.several and side.plain and not columns_of(other, scan, table):
                    found |= columns_of(side, scan, table)
    return frozenset(found)


def _gives(index: Index, keys: list[tuple[str, SortKey]], equal: frozenset[str]) -> bool:
    """Whether the index, read forwards or backwards, is in the order of the keys; of a partial one it is assumed."""
    if index.method != "btree":
        return False
    wanted = [(name, key) for name, key in keys if name not in equal]
    left = [key for key in index.keys if key.column not in equal][: len(wanted)]
    if [key.column for key in left] != [name for name, _ in wanted]:
        return False
    turned = {
        (key.descending != asked.descending, key.nulls_first != asked.nulls_first)
        for key, (_, asked) in zip(left, wanted, strict=True)
    }
    return turned <= {(False, False)} or turned <= {(True, True)}


def _written(key: tuple[str, SortKey]) -> str:
    name, asked = key
    direction = " DESC" if asked.descending else ""
    default = asked.nulls_first == asked.descending
    return f"{name}{direction}" + ("" if default else f" NULLS {'FIRST' if asked.nulls_first else 'LAST'}")


RULE = Rule("PB305", "sort-an-index-could-give", frozenset({"analyze", "catalogue"}), _check, __doc__, {"rows": 1_000})
