"""A parallel plan as the plan of one process: the same scans, joins and sorts without what shares them out.

Gather and Gather Merge go, a Partial aggregate goes and the Finalize above it is the whole aggregate, nothing is
Parallel. DISTINCT has its two halves without these words: the same node with the same keys above and below a Gather.

The members of a Parallel Append stand in the order of their numbers: PostgreSQL sorts them by cost, so that a worker
begins with the longest, and with one process they stand in the order of the partitions.
"""

from __future__ import annotations

import re

from pytest_perfbudget.plans.node import Node

_PLACED = ("Parent Relationship", "Subplan Name")
_KEYS = ("Strategy", "Partial Mode", "Group Key", "Grouping Sets")
_GATHERS = frozenset(("Gather", "Gather Merge"))
_NUMBER = re.compile(r"_(\d+)\Z")


def serial(root: Node) -> Node:
    """The tree without its parallel parts; the very same one where it has none."""
    nodes = list(root.walk())
    if not any(_wraps(node) or node.parallel for node in nodes):
        return root
    built: dict[Node, Node] = {}
    for node in reversed(nodes):
        built[node] = _serial(node, tuple(built[child] for child in node.children))
    return built[root]


def _wraps(node: Node) -> bool:
    return node.type in _GATHERS or (node.type == "Aggregate" and node.text("Partial Mode") == "Partial")


def _serial(node: Node, children: tuple[Node, ...]) -> Node:
    if _wraps(node):
        below = [child for child in children if child.relationship not in ("InitPlan", "SubPlan")]
        if len(below) == 1:
            return _lifted(node, below[0], tuple(child for child in children if child is not below[0]))
    if any(child.type in _GATHERS for child in node.children):
        children = tuple(_once(node, child) for child in children)
    fields = dict(node.fields)
    if fields.pop("Parallel Aware", None) is True and node.type == "Append":
        children = tuple(sorted(children, key=_number))
    if fields.get("Partial Mode") == "Finalize":
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
