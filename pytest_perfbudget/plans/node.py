"""A plan as PostgreSQL explained it: a tree of nodes that keep every key, known or not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any


def number(value: object) -> float:
    """``value`` as a number, finite, not negative and no more than a counter holds; else 0."""
    kind = type(value)
    return float(value) if (kind is int or kind is float) and 0 <= value < 2**63 else 0.0  # type: ignore[arg-type,operator]


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One node. ``fields`` are EXPLAIN's own keys without "Plans"; nodes compare by identity.

    A document may come from anywhere, so a key can hold a value of the wrong type: ``text``, ``texts`` and
    ``number`` read it as what it should be, or as absent.
    """

    type: str
    fields: Mapping[str, Any]
    children: tuple[Node, ...] = ()

    @property
    def relation(self) -> str | None:
        return self.text("Relation Name")

    @property
    def schema(self) -> str | None:
        """Present only under VERBOSE."""
        return self.text("Schema")

    @property
    def alias(self) -> str | None:
        return self.text("Alias")

    @property
    def index(self) -> str | None:
        return self.text("Index Name")

    @property
    def subplan_name(self) -> str | None:
        """``"CTE recent"``, ``"SubPlan 1"``, ``"InitPlan 1 (returns $0)"``."""
        return self.text("Subplan Name")

    @property
    def relationship(self) -> str | None:
        """How its parent uses it: Outer, Inner, Member, Subquery, InitPlan, SubPlan."""
        return self.text("Parent Relationship")

    @property
    def loops(self) -> int:
        """Times the node was executed; 0 for one that never was, and everywhere in a plan without ANALYZE."""
        return int(number(self.fields.get("Actual Loops")))

    @property
    def parallel(self) -> bool:
        return self.fields.get("Parallel Aware") is True

    def text(self, key: str) -> str | None:
        """The string under ``key``; None where there is none."""
        value = self.fields.get(key)
        return value if isinstance(value, str) and value else None

    def texts(self, key: str) -> tuple[str, ...]:
        """The strings under ``key``, a single one included."""
        value = self.fields.get(key)
        values = value if isinstance(value, list) else [value]
        return tuple(item for item in values if isinstance(item, str) and item)

    def number(self, key: str) -> float:
        """The number under ``key``, finite and not negative; 0 where there is none."""
        return number(self.fields.get(key))

    def walk(self) -> Iterator[Node]:
        """This node and all below it, parents first, in the order of the document."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting.extend(reversed(node.children))

    def walk_paths(self) -> Iterator[tuple[Node, ...]]:
        """Like ``walk``, each node with its ancestors before it: (root, …, parent, node)."""
        waiting: list[tuple[Node, ...]] = [(self,)]
        while waiting:
            path = waiting.pop()
            yield path
            waiting.extend((*path, child) for child in reversed(path[-1].children))


@dataclass(frozen=True, eq=False)
class Plan:
    """A statement's plan. ``document`` is what stood beside "Plan": Settings, Triggers, Planning, Query Text."""

    root: Node
    document: Mapping[str, Any]

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """All nodes, parents first, in the order of the document."""
        return tuple(self.root.walk())

    def of(self, *types: str) -> Iterator[Node]:
        """The nodes of the types given, type by type."""
        for name in types:
            yield from self._by_type.get(name, ())

    @cached_property
    def _by_type(self) -> Mapping[str, list[Node]]:
        found: dict[str, list[Node]] = {}
        for node in self.nodes:
            found.setdefault(node.type, []).append(node)
        return found

    @property
    def analyzed(self) -> bool:
        """Whether the statement was executed: the counters are those of ANALYZE."""
        return "Actual Loops" in self.root.fields

    @property
    def buffered(self) -> bool:
        """Whether blocks were counted (BUFFERS)."""
        return "Shared Hit Blocks" in self.root.fields

    @property
    def timed(self) -> bool:
        """Whether planning and execution were timed (SUMMARY); auto_explain writes neither."""
        return {"Planning Time", "Execution Time"} <= self.document.keys()
