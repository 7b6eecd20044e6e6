"""A name for every scan of a plan, in the grammar of PostgreSQL 19's pg_plan_advice.

    identifier := alias ["#" occurrence] ["/" [schema "."] partition] ["@" subplan]

``o#2/public.p3@initplan_1`` is partition ``p3`` of the second ``o`` inside ``InitPlan 1``. The occurrence is left out
where it is 1. A partition is named where the scan is a member of a partitioned or inherited table; its schema where
EXPLAIN shows one (VERBOSE). The subplan is EXPLAIN's name for it: ``InitPlan 1 (returns $0)`` is ``initplan_1``,
``SubPlan 2`` ``subplan_2``, ``CTE recent`` ``cte_recent``. Names are quoted where SQL would quote them.

EXPLAIN makes aliases unique: the second ``o`` of a statement is printed ``o_1``, the partitions of ``o`` ``o_1``,
``o_2`` … The number is taken off again where the plan shows what it was counted from: ``o`` itself, or an Append whose
members share it. So an alias ``o_1`` that a query really uses beside ``o`` is the second ``o``: as unique a name.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from pytest_perfbudget.plans.labels import SCANS
from pytest_perfbudget.plans.names import quoted
from pytest_perfbudget.plans.node import Node, Plan

_NUMBERED = re.compile(r"(.+)_([1-9]\d*)\Z", re.DOTALL)
_SUBPLAN = re.compile(r"(InitPlan|SubPlan|CTE) (.+?)(?: \(returns [^)]*\))?\Z", re.DOTALL)
_APPENDS = frozenset(("Append", "Merge Append"))


@dataclass(frozen=True, slots=True)
class _Place:
    """A scan, the subplan it is in, the topmost Append above it, and the partitions a ModifyTable above it writes."""

    node: Node
    subplan: str
    append: Node | None
    targets: frozenset[str]

    @property
    def base(self) -> str:
        """The alias without EXPLAIN's number, if it ends in one."""
        numbered = _NUMBERED.match(self.node.alias or "")
        return numbered[1] if numbered else ""


@dataclass(frozen=True, slots=True)
class Named:
    """What a scan is called in the query: ``base`` is its alias without EXPLAIN's ``number`` (0 where it put none).

    ``partition`` is the table's own name where ``base`` is that of a table of which it is a part, by what the aliases
    say; ``subplan`` is empty at the top.
    """

    base: str
    number: int
    partition: str
    subplan: str

    @property
    def key(self) -> tuple[str, str, str]:
        return self.base, self.partition, self.subplan


def identifiers(plan: Plan) -> dict[Node, str]:
    """Every scan that has an alias → its identifier, in the order of the plan; no two are equal.

    The index part of a bitmap has no alias: it belongs to the heap scan above it.
    """
    scans = named(plan)
    counted: Counter[tuple[str, str, str]] = Counter()
    occurrences: dict[Node, int] = {}
    for node, name in sorted(scans.items(), key=lambda item: item[1].number):
        counted[name.key] += 1
        occurrences[node] = counted[name.key]
    return {node: _written(node, name, occurrences[node]) for node, name in scans.items()}


def named(plan: Plan) -> dict[Node, Named]:
    """Every scan that has an alias, in the order of the plan, and what it is called."""
    places = list(_places(plan.root))
    scanned = {place.node.alias for place in places}
    known = scanned | {node.alias for node in plan.root.walk() if node.alias}
    family = Counter((place.append, place.base) for place in places)
    found = {}
    for place in places:
        node, base = place.node, place.base
        relatives = family[place.append, base] if place.append else 1
        partition = base and base not in scanned and _partition(place, relatives)
        if partition or (base in known and node.alias != node.relation):
            number = int((node.alias or "")[len(base) + 1 :])
            found[node] = Named(base, number, node.relation or "" if partition else "", place.subplan)
        else:
            found[node] = Named(node.alias or "", 0, "", place.subplan)
    return found


def _written(node: Node, name: Named, occurrence: int) -> str:
    words = [quoted(name.base), f"#{occurrence}" if occurrence > 1 else ""]
    if name.partition:
        schema = f"{quoted(node.schema)}." if node.schema else ""
        words.append(f"/{schema}{quoted(name.partition)}")
    return "".join([*words, f"@{quoted(name.subplan)}" if name.subplan else ""])


def _partition(place: _Place, relatives: int) -> bool:
    """Whether a scan with a numbered alias is one of the parts of a table; ``relatives`` share an Append and a name.

    A member of UNION ALL that stands alone under its own name was written so by the user.
    """
    direct = place.node.relationship == "Member" and place.node.alias != place.node.relation
    return place.node.alias in place.targets or direct or relatives > 1


def _places(root: Node) -> Iterator[_Place]:
    waiting: list[tuple[Node, str, Node | None, frozenset[str]]] = [(root, "", None, frozenset())]
    while waiting:
        node, subplan, append, targets = waiting.pop()
        subplan = _subplan(node) or subplan
        if node.type in SCANS and node.alias:
            yield _Place(node, subplan, append, targets)
        append = append or (node if node.type in _APPENDS else None)
        if "Target Tables" in node.fields:
            targets |= _targets(node)
        waiting.extend((child, subplan, append, targets) for child in reversed(node.children))


def _targets(node: Node) -> frozenset[str]:
    """The aliases of the partitions a ModifyTable writes to; none for a table that is no parent."""
    held = node.fields["Target Tables"]
    tables = [table for table in held if isinstance(table, dict)] if isinstance(held, list) else []
    return frozenset(table["Alias"] for table in tables if isinstance(table.get("Alias"), str)) - {node.alias or ""}


def _subplan(node: Node) -> str:
    match = _SUBPLAN.match(node.subplan_name or "")
    return f"{match[1].lower()}_{match[2]}" if match else ""
