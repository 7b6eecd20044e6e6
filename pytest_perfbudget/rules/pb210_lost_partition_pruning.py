"""PB210 lost-partition-pruning

What it finds
    A plan that searches every partition of a table, 3 or more, because no condition compares its partition key: there
    is none on it, or the key stands inside a function, a cast or a calculation. A statement without any condition,
    which wants all rows, is not found. Partitions that were skipped during execution do not count as searched.

Why it matters
    Each partition costs planning time, locks and at least one lookup, and there are more of them every month.

Example
    SELECT count(*) FROM events WHERE date_trunc('month', happened) = '2026-03-01'
        Append
          Seq Scan on events_2026_01 events_1   Filter: date_trunc(?, happened) = ?
          …                                                                                       12 of 12 partitions

Use instead
    A range on the key itself:   WHERE happened >= '2026-03-01' AND happened < '2026-04-01'
    Where the rows are looked for by something else, a condition on the key beside it.

Options
    partitions    the fewest that count (3)
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from pytest_perfbudget.model import Table
from pytest_perfbudget.plans.conditions import comparisons
from pytest_perfbudget.plans.expression import normalise
from pytest_perfbudget.plans.node import Node
from pytest_perfbudget.rules.base import Hit, Rule, Thresholds
from pytest_perfbudget.rules.subject import Subject
from pytest_perfbudget.rules.tables import columns_of, root, scans

_CONDITIONS = ("Index Cond", "Recheck Cond", "Filter")


def _check(subject: Subject, thresholds: Thresholds) -> Iterator[Hit]:
    assert subject.catalogue
    searched: dict[int, dict[int, tuple[Node, Table]]] = defaultdict(dict)  # by the identities of the tables
    executed = subject.plan.analyzed
    for node, table in scans(subject):
        if table.parent and (node.loops or not executed):
            searched[id(root(subject.catalogue, table))][id(table)] = (node, table)
    for members in searched.values():
        top = root(subject.catalogue, next(iter(members.values()))[1])
        every = {id(leaf) for leaf in subject.catalogue.partitions(top)}
        if len(every) < thresholds["partitions"] or not every <= members.keys() or not top.partition_key:
            continue
        conditions = [(scan, table, tuple(_texts(scan))) for scan, table in members.values()]
        if all(texts for _, _, texts in conditions) and (why := _why(conditions, top)):
            yield Hit(RULE.code, RULE.name, top.name, f"searched all {len(every)} partitions: {why}", conditions[0][0])


def _texts(scan: Node) -> Iterator[str]:
    """The conditions of a scan and of the bitmaps beneath it."""
    nodes = scan.walk() if scan.children else (scan,)
    return (text for node in nodes for key in _CONDITIONS if key in node.fields for text in node.texts(key))


def _why(conditions: list[tuple[Node, Table, tuple[str, ...]]], top: Table) -> str | None:
    """What keeps the conditions from pruning; None where one speaks of the key in a way that may prune (as it is, in
    an OR, in IS NULL), or the key is an expression."""
    key = top.partition_key[0]
    if key not in top.columns:
        return None
    hidden = ""
    texts = {text: (scan, table) for scan, table, found in conditions for text in found}
    for text, (scan, table) in texts.items():
        how = _use(text, key, scan, table)
        if how == "may prune":
            return None
        hidden = hidden or (text if how == "hidden" else "")
    if hidden:
        return f"{key}, the partition key, is not compared as it is: {normalise(hidden)}"
    return f"no condition on {key}, the partition key"


def _use(text: str, key: str, scan: Node, table: Table) -> str | None:
    sides = [side for one in comparisons(text) for side, _ in one.operands if key in columns_of(side, scan, table)]
    if sides:
        return "may prune" if any(side.plain for side in sides) else "hidden"
    return "may prune" if re.search(rf"\b{re.escape(key)}\b", text) else None


RULE = Rule("PB210", "lost-partition-pruning", frozenset({"plan", "catalogue"}), _check, __doc__, {"partitions": 3})
