"""The tables behind the scans of a plan, and which of their columns a condition speaks of."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from pytest_perfbudget.model import Catalogue, Table
from pytest_perfbudget.plans.conditions import Comparison, Operand, comparisons
from pytest_perfbudget.plans.node import Node
from pytest_perfbudget.rules.subject import Subject

Columns = frozenset[str]


@lru_cache(maxsize=4)
def named_by(subject: Subject) -> tuple[tuple[Node, Table | None], ...]:
    """Every node that names a relation, with its table; None where the catalogue has no such table. The rules that are
    asked about one subject share the answer."""
    assert subject.catalogue
    table = subject.catalogue.table
    return tuple((node, table(node.relation, node.schema)) for node in subject.plan.nodes if node.relation)


@lru_cache(maxsize=4)
def scans(subject: Subject) -> tuple[tuple[Node, Table], ...]:
    """Every node that reads a table of the catalogue, with the table; a partition is a table of its own."""
    return tuple((node, table) for node, table in named_by(subject) if table and node.type != "ModifyTable")


def root(catalogue: Catalogue, table: Table) -> Table:
    """The partitioned table at the top that ``table`` belongs to; itself where it is no partition."""
    return (table.parent and _top(catalogue, table.parent)) or table


@lru_cache(maxsize=1024)
def _top(catalogue: Catalogue, parent: str) -> Table | None:
    """Asked for each of thousands of partitions."""
    table = catalogue.tables.get(parent)
    return table and root(catalogue, table)


def named(node: Node, top: Table, table: Table) -> str:
    """What a finding calls the relation: its alias; a partition goes by the name of its table."""
    return top.name if top is not table else node.alias or table.name


def conditions(subject: Subject, node: Node, keys: tuple[str, ...]) -> Iterator[tuple[str, Comparison]]:
    """The comparisons under ``keys`` of a scan (``Filter``, ``Index Cond``) and their text."""
    for key in keys:
        for text in node.texts(key):
            for comparison in comparisons(text):
                yield text, comparison


def columns_of(operand: Operand, node: Node, table: Table) -> Columns:
    """The columns of this scan's table in an operand; a column without qualifier is the scan's own."""
    ours = {name for qualifier, name in operand.columns if qualifier in (None, node.alias, node.relation)}
    return frozenset(ours & table.columns.keys())
