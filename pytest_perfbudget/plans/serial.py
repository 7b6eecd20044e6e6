"""A parallel plan as the plan of one process: the same scans, joins and sorts without what shares them out.

Gather and Gather Merge go, nothing is Parallel. An aggregate whose Partial half is below a Gather and whose Finalize
half is above it is one; halves with no Gather between them belong to a partitionwise aggregate and stay. DISTINCT has
its two halves without these words: the same node with the same keys above and below a Gather.

The members of a Parallel Append stand in the order of their numbers: PostgreSQL sorts them by cost, so that a worker
begins with the longest, and with one process they stand in the order of the partitions. What is above an Append speaks
of its columns by the aliases of the first member, so those change too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pytest_perfbudget.plans.details import DETAILS
from pytest_perfbudget.plans.names import quoted
from pytest_perfbudget.plans.node import Node

_PLACED = ("Parent Relationship", "Subplan Name")
_KEYS = ("Strategy", "Partial Mode", "Group Key", "Grouping Sets")
_GATHERS = frozenset(("Gather", "Gather Merge"))
_BETWEEN = _GATHERS | {"Sort", "Incremental Sort"}
_NUMBER = re.compile(r"_(\d+)\Z")


def serial(root: Node) -> Node:
    """The tree without its parallel parts; the very same one where it has none."""
    nodes = list(root.walk())
    if not any(node.type in _GATHERS for node in nodes):
        return root
    halves = frozenset(half for node in nodes for half in _halves(node))
    built: dict[Node, Node] = {}
    spoken: dict[Node, dict[str, str]] = {}
    for node in reversed(nodes):
        children = tuple(built[child] for child in node.children)
        aliases = {old: new for child in node.children for old, new in spoken.get(child, {}).items()}
        built[node] = _serial(_respoken(node, aliases), children, node in halves)
        spoken[node] = aliases | _first(node, built[node])
    return built[root]


def _first(node: Node, built: Node) -> dict[str, str]:
    """The aliases of the member that was first → those of the one that is, where an Append was put in order."""
    if node.type != "Append" or not (node.parallel and node.children):
        return {}
    before, now = ([below.alias for below in first.walk()] for first in (node.children[0], built.children[0]))
    pairs = zip(before, now, strict=False) if len(before) == len(now) else ()
    return {old: new for old, new in pairs if old and new and old != new}


def _respoken(node: Node, aliases: Mapping[str, str]) -> Node:
    """The node, its keys and conditions naming other aliases."""
    if not aliases:
        return node
    names = "|".join(re.escape(quoted(alias)) for alias in aliases)
    written = {quoted(old): quoted(new) for old, new in aliases.items()}
    qualified = re.compile(rf"(?<![\w.$\"])(?:{names})(?=\.)")

    def other(held: Any) -> Any:
        if isinstance(held, list):
            return [other(item) for item in held]
        return qualified.sub(lambda match: written[match[0]], held) if isinstance(held, str) else held

    fields = {key: other(held) if key in DETAILS else held for key, held in node.fields.items()}
    return Node(node.type, fields, node.children)


def _halves(node: Node) -> tuple[Node, ...]:
    """A Finalize aggregate and the Partial one it finalizes, if there is a Gather between them."""
    below, gathered = node, False
    if node.text("Partial Mode") == "Finalize":
        while len(inputs := _inputs(below)) == 1:
            below = inputs[0]
            gathered = gathered or below.type in _GATHERS
            if below.text("Partial Mode") == "Partial":
                return (node, below) if gathered else ()
            if below.type not in _BETWEEN:
                break
    return ()


def _inputs(node: Node) -> list[Node]:
    return [child for child in node.children if child.relationship not in ("InitPlan", "SubPlan")]


def _serial(node: Node, children: tuple[Node, ...], half: bool) -> Node:
    if node.type in _GATHERS or (half and node.text("Partial Mode") == "Partial"):
        below = [child for child in children if child.relationship not in ("InitPlan", "SubPlan")]
        if len(below) == 1:
            return _lifted(node, below[0], tuple(child for child in children if child is not below[0]))
    if any(child.type in _GATHERS for child in node.children):
        children = tuple(_once(node, child) for child in children)
    fields = dict(node.fields)
    if fields.pop("Parallel Aware", None) is True and node.type == "Append":
        children = tuple(sorted(children, key=_number))
    if half:
        fields["Partial Mode"] = "Simple"
    return Node(node.type, fields, children)


def _once(node: Node, child: Node) -> Node:
    """What is below a Gather, without the half of a DISTINCT whose other half is ``node``."""
    keyed = node.type == "Unique" or bool(node.texts("Group Key"))
    halves = keyed and node.type in ("Aggregate", "Unique") and node.type == child.type
    if halves and len(child.children) == 1 and all(node.fields.get(key) == child.fields.get(key) for key in _KEYS):
        return _lifted(child, child.children[0], ())
    return child


def _lifted(wrapper: Node, node: Node, plans: tuple[Node, ...]) -> Node:
    """The node in the place of its wrapper, whose init plans become its own."""
    fields = {key: value for key, value in node.fields.items() if key not in _PLACED}
    fields |= {key: wrapper.fields[key] for key in _PLACED if key in wrapper.fields}
    return Node(node.type, fields, plans + node.children)


def _number(member: Node) -> int:
    """EXPLAIN's number behind the alias of the member's first relation."""
    alias = next((node.alias for node in member.walk() if node.alias), "")
    numbered = _NUMBER.search(alias)
    return int(numbered[1]) if numbered else 0
