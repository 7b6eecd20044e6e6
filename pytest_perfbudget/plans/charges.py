"""Which node asked for a deferred subplan (an InitPlan, a CTE), and so has its blocks among its own counters."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import ge

from pytest_perfbudget.plans.counters import COUNTED, Counters, gathers, none
from pytest_perfbudget.plans.node import Node, Plan

_RETURNS = re.compile(r"\$\d+")
_NUMBERED = re.compile(r"InitPlan \d+")
_REFERENCE = re.compile(r"\$\d+|InitPlan \d+")
_UNASKING = frozenset(("Subplan Name", "Recheck Cond"))
"""Keys that mention a result without asking for it: the index below has, before anything can be rechecked."""
# fmt: off
_UNCALCULATING = frozenset((
    "Sort", "Incremental Sort", "Hash", "Materialize", "Unique", "LockRows", "SetOp", "Bitmap Index Scan", "BitmapAnd",
    "BitmapOr",
))
# fmt: on
"""Nodes that compute no column of their own; what they compare, EXPLAIN shows."""


def deferred(node: Node) -> bool:
    """Whether it runs when its result is first asked for, not when its parent does."""
    return node.relationship == "InitPlan"


def cte_name(node: Node) -> str | None:
    """``"CTE recent"`` → ``recent``; None for an InitPlan that is no CTE."""
    name = node.subplan_name or ""
    return name.removeprefix("CTE ") if name.startswith("CTE ") else None


@dataclass(slots=True)
class Ledger:
    """What is each node's ``own``, while the deferred subplans are charged to it one by one.

    ``total`` are the nodes' inclusive counters. ``late`` was asked for by no node; ``inexact`` are the nodes between
    which the plan does not decide.
    """

    plan: Plan
    total: Mapping[Node, Counters]
    own: dict[Node, Counters]
    late: Counters = field(default_factory=none)
    inexact: set[Node] = field(default_factory=set)

    def charge_deferred(self) -> None:
        """Charge every InitPlan and CTE that ran.

        First the InitPlans that only one node can have asked for: that node may be the scan of a CTE, and the rows of
        the CTE may have been pulled while the InitPlan ran in turn. Then the CTEs, which leave less to choose from.
        """
        places = _Places(self.plan)
        subplans = [node for node in self.plan.nodes if node in places.parents and deferred(node)]
        subplans = [node for node in subplans if any(self.total[node])]
        undecided = []
        for init in (node for node in subplans if cte_name(node) is None):
            able = self._able(init, places)
            if len(able) == 1:
                self._take(able[0], self.total[init])
            else:
                undecided.append(init)
        for cte in (node for node in subplans if cte_name(node) is not None):
            self._charge_readers(cte, places.readers(cte))
        for init in undecided:
            able = self._able(init, places)
            self._take(able[0] if able else places.parents[init], self.total[init])
            self.inexact.update(able if len(able) > 1 else [])

    def _able(self, init: Node, places: _Places) -> list[Node]:
        """The nodes that can have asked: those that mention its result, else any whose own counters can hold it."""
        amount, parent = self.total[init], places.parents[init]
        asking = list(dict.fromkeys(places.asking(init)))
        if not any(amount[: len(COUNTED)]):
            return asking[:1]
        level = [node for node in self._beneath(parent, amount) if node.type not in _UNCALCULATING]
        if not asking and "Output" in parent.fields:
            # VERBOSE shows every expression but those of LIMIT and OFFSET.
            level = [node for node in level if node.type == "Limit"] or level
        able = ([node for node in nodes if self._holds(self.own[node], amount)] for nodes in (asking, level))
        return next(filter(None, able), [])

    def _beneath(self, parent: Node, amount: Counters) -> Iterator[Node]:
        """The nodes of one query during whose run so much was counted, from the topmost downwards."""
        waiting = [parent]
        while waiting:
            node = waiting.pop()
            if self._holds(self.total[node], amount):
                yield node
                waiting.extend(child for child in reversed(node.children) if not deferred(child))

    @staticmethod
    def _holds(counted: Counters, amount: Counters) -> bool:
        return all(map(ge, counted[: len(COUNTED)], amount))

    def _take(self, node: Node, amount: Counters) -> None:
        for index, part in enumerate(amount):
            self.own[node][index] -= part

    def _charge_readers(self, cte: Node, readers: Sequence[Node]) -> None:
        """Each reader pulled the rows it was the first to want: a CTE Scan touches no block on its own account."""
        for index, needed in enumerate(self.total[cte]):
            left, able = needed, [node for node in readers if self.own[node][index] > 0]
            if needed and index < len(COUNTED) and len(able) > 1:
                self.inexact.update(able if sum(self.own[node][index] for node in able) > needed else [])
            for node in able:
                part = min(left, self.own[node][index])
                self.own[node][index] -= part
                left -= part
            self.late[index] += left


class _Places:
    """Where things stand in a plan: parents, who mentions an InitPlan's result, who reads a CTE."""

    def __init__(self, plan: Plan) -> None:
        self.parents = {child: node for node in plan.nodes for child in node.children}
        self._mentions: dict[str, list[Node]] = {}
        self._readers: dict[Node, list[Node]] = {}
        if not any(map(deferred, self.parents)):
            return
        for node in plan.nodes:
            for word in _mentioned(node) if node.loops else ():
                self._mentions.setdefault(word, []).append(node)
        for scan in plan.of("CTE Scan"):
            cte = self._cte(scan)
            if cte and scan.loops:
                self._readers.setdefault(cte, []).append(scan)

    def readers(self, cte: Node) -> list[Node]:
        """The CTE Scans of it that ran, in the order of the document."""
        return self._readers.get(cte, [])

    def asking(self, init: Node) -> Iterator[Node]:
        """The nodes that mention its result, or that act for one that does.

        Beneath a Gather it is the Gather, which passes values to its workers. The condition of an index is calculated
        when the scan is restarted: that may be while the Nested Loop above runs, and not yet the scan.
        """
        name = init.subplan_name or ""
        for word in _RETURNS.findall(name) or _NUMBERED.findall(name):
            for node in self._mentions.get(word, ()):
                path = self._upwards(node)
                if self.parents[init] not in path or init in path:
                    continue
                within = path[1 : path.index(self.parents[init]) + 1]
                acting = [above for above in within if gathers(above)][-1:] or _restarting(path, word)
                yield from acting or path[:1]

    def _upwards(self, node: Node) -> list[Node]:
        """``node``, its parent, … the root."""
        path = [node]
        while path[-1] in self.parents:
            path.append(self.parents[path[-1]])
        return path

    def _cte(self, scan: Node) -> Node | None:
        """The CTE a scan reads: the nearest of that name on it or above."""
        name = scan.text("CTE Name")
        inner: Node | None = None
        node: Node | None = scan
        while node:
            for child in node.children:
                if child is not inner and deferred(child) and cte_name(child) == name:
                    return child
            inner, node = node, self.parents.get(node)
        return None


def _restarting(path: Sequence[Node], word: str) -> list[Node]:
    """From the Nested Loop on whose inner side ``path`` begins down to that scan; empty where nothing restarts it.

    ``path`` goes up from the scan.
    """
    starting = any(word in text for key in ("Index Cond", "Order By", "TID Cond") for text in path[0].texts(key))
    for height, (node, above) in enumerate(itertools.pairwise(path) if starting else ()):
        if above.type == "Nested Loop" and node.relationship == "Inner":
            return list(reversed(path[: height + 2]))
    return []


def _mentioned(node: Node) -> set[str]:
    words: set[str] = set()
    for key in node.fields:
        if key not in _UNASKING:
            words.update(word for text in node.texts(key) for word in _REFERENCE.findall(text))
    return words
