"""Indexes that a condition passes by, because the column stands inside something."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from pytest_perfbudget.model import Index, Table
from pytest_perfbudget.plans.conditions import Operand, comparisons, expression
from pytest_perfbudget.plans.node import Node
from pytest_perfbudget.rules.casts import relabels
from pytest_perfbudget.rules.subject import Subject
from pytest_perfbudget.rules.tables import columns_of, named, root, scans

_SERVED = frozenset(("=", "<", "<=", ">", ">="))
"""Operators a btree answers."""


@dataclass(frozen=True, slots=True)
class Blocked:
    """A condition of ``node`` on ``column`` of ``table`` that ``index`` begins with and could serve if the column stood
    there as it is; ``relation`` is what findings call the table."""

    node: Node
    table: Table
    relation: str
    column: str
    index: Index
    operand: Operand
    text: str


@lru_cache(maxsize=4)
def blocked(subject: Subject, pages: float) -> tuple[Blocked, ...]:
    """Each condition once for all partitions of a table, in tables of so many pages or more."""
    return tuple(_blocked(subject, pages))


def _blocked(subject: Subject, pages: float) -> Iterator[Blocked]:
    assert subject.catalogue
    tables = {node: table for node, table in scans(subject) if table.pages >= pages}
    seen: set[tuple[str, str, str | None]] = set()
    for node in subject.plan.root.walk() if tables else ():
        for text, scan in _conditions(node):
            if not (table := tables.get(scan)):
                continue
            top = root(subject.catalogue, table)
            # Partitions have the conditions and the indexes of their table, and there may be thousands.
            key = (top.qualified, text, scan.alias if top is table else None)
            if key not in seen:
                seen.add(key)
                yield from _in(text, scan, table, named(scan, top, table))


def _conditions(node: Node) -> Iterator[tuple[str, Node]]:
    """A filter with its scan; a join's filter with every scan below."""
    if "Filter" in node.fields:
        yield from ((text, node) for text in node.texts("Filter"))
    if "Join Filter" in node.fields:
        yield from ((text, below) for text in node.texts("Join Filter") for below in node.walk())


def _in(text: str, node: Node, table: Table, relation: str) -> Iterator[Blocked]:
    for comparison in comparisons(text):
        for operand, other in comparison.operands if comparison.operator in _SERVED else ():
            columns = columns_of(operand, node, table)
            if len(columns) != 1 or columns_of(other, node, table) or _bare(operand, columns, table):
                continue
            (column,) = columns
            index = _index(table, column, operand)
            if index:
                yield Blocked(node, table, relation, column, index, operand, text)


def _bare(operand: Operand, columns: frozenset[str], table: Table) -> bool:
    """Whether an index on the column serves the operand as it stands."""
    return operand.plain or bool(operand.cast and relabels(table.columns[min(columns)], operand.cast))


def _index(table: Table, column: str, operand: Operand) -> Index | None:
    """The btree that begins with the column, if none begins with the very expression."""
    for index in table.indexes:
        written = expression(index.keys[0].expression or "") if index.keys and index.keys[0].expression else None
        if written and written.shape == operand.shape:
            return None
    return next((i for i in table.indexes if i.method == "btree" and i.keys[0].column == column), None)
