"""What the relation of a node is called, so that a pattern finds it: table, alias, and all that it is a part of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from pytest_perfbudget.plans.identifiers import Named, named
from pytest_perfbudget.plans.node import Node, Plan

Ancestors = Mapping[str, Sequence[tuple[str, str]]]
"""A table or an index, by its plain name where the search path finds it and by ``schema.name`` → the tables (indexes)
it is a part of, at any level, as (schema, name)."""

Names = frozenset[tuple[str | None, str]]
"""(schema, name); the schema is None where it is not known, and for what has none: aliases, CTEs, functions."""

Path = tuple[Node, ...]
"""(root, …, parent, node)."""


class Relations:
    """The names in one plan.

    EXPLAIN tells of a partition only where several are left, and by their aliases alone. ``ancestors`` are the
    catalogue's word: with them a partition is found however it is called and however few are left. Without them what
    the aliases say has to do.
    """

    def __init__(self, plan: Plan, ancestors: Ancestors | None = None) -> None:
        self._plan, self._ancestors = plan, ancestors

    def names(self, path: Path) -> Names:
        """Of the last node of the path; the index part of a bitmap has the names of its heap, and the index's."""
        node = path[-1]
        if node.type != "Bitmap Index Scan":
            return frozenset(self._names(node))
        heap = next((above for above in reversed(path[:-1]) if above.type == "Bitmap Heap Scan"), None)
        index = {(None, name) for name in self.indexes((node.index or "",))}
        return frozenset(index | set(self._names(heap) if heap else ()))

    def indexes(self, names: Sequence[str], schema: str | None = None) -> frozenset[str]:
        """The names, and those of the partitioned indexes they are a part of."""
        return frozenset(names) | {above for name in names for _, above in self._above(schema, name)}

    def _names(self, node: Node) -> Iterator[tuple[str | None, str]]:
        tables = [(node.schema, node.relation), *self._above(node.schema, node.relation)] if node.relation else []
        tables += _targets(node)
        yield from tables
        # An alias that is the name of a table already found is that table's, with its schema.
        found = {name for _, name in tables}
        others = [node.text(key) for key in ("Alias", "CTE Name", "Function Name")] + [self._base(node)]
        yield from ((None, name) for name in others if name and name not in found)

    def _base(self, node: Node) -> str | None:
        """The alias the query gave, unless the catalogue knows better than to call the table a partition."""
        name = self._named.get(node)
        whole = self._ancestors is not None and not self._above(node.schema, node.relation or "")
        return None if name is None or (name.partition and whole) else name.base

    def _above(self, schema: str | None, name: str) -> Sequence[tuple[str, str]]:
        return (self._ancestors or {}).get(f"{schema}.{name}" if schema else name, ())

    @cached_property
    def _named(self) -> Mapping[Node, Named]:
        return named(self._plan)


def _targets(node: Node) -> Iterator[tuple[str | None, str]]:
    """The partitions that a ModifyTable writes to."""
    held = node.fields.get("Target Tables")
    for table in held if isinstance(held, list) else ():
        if isinstance(table, dict) and isinstance(table.get("Relation Name"), str):
            schema = table.get("Schema")
            yield (schema if isinstance(schema, str) else None), table["Relation Name"]
