"""Each node's own share of what an executed plan counted, so that every block is somebody's once.

EXPLAIN's counters are inclusive: a node's hold all that happened while it ran. For most of the tree that is the node
and its children, but an InitPlan or a CTE hangs on the topmost node of its query and is charged to whoever first asked
for its result, somewhere below, or beside it in another InitPlan. So three steps: what a node's counters leave after
its ordinary children; less the deferred subplans it asked for; and what is then owed by a node (an index condition is
evaluated while its *parent* restarts it) is owed by its parent. The shares add up to the root's counters, plus
``late``: a WITH query that writes and that nobody reads to the end is finished after the root is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from operator import sub

from pytest_perfbudget.plans.charges import Ledger, deferred
from pytest_perfbudget.plans.counters import COUNTED, Counters, counters
from pytest_perfbudget.plans.node import Node, Plan


@dataclass(frozen=True, slots=True)
class Share:
    """What is the node's alone, over all loops and processes; times in seconds.

    ``blocks`` (8 kB, shared and local) were touched, ``read`` of them not found in the cache. ``time`` beneath a Gather
    is the mean of the processes. ``exact`` is false where the plan does not tell which of several nodes asked for a
    subplan; times are never exact.
    """

    blocks: int = 0
    read: int = 0
    temp_read: int = 0
    temp_written: int = 0
    wal_records: int = 0
    wal_bytes: int = 0
    io: float = 0.0
    time: float = 0.0
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Shares:
    """``of[node]`` for every node; ``late`` is what the root's counters do not hold, because it ran after the root had
    ended (or, where a plan nests that of another server, there); ``total`` is all of the statement."""

    of: Mapping[Node, Share]
    late: Share
    total: Share


def shares(plan: Plan) -> Shares:
    """The share of each node; all zero in a plan without ANALYZE."""
    total = counters(plan)
    ledger = Ledger(plan, total, {node: _less(node, total) for node in plan.nodes})
    ledger.charge_deferred()
    _pass_up_debts(ledger)
    of = {node: _share(own, node not in ledger.inexact) for node, own in ledger.own.items()}
    everything = [root + late for root, late in zip(total[plan.root], ledger.late, strict=True)]
    return Shares(of, _share(ledger.late), _share(everything))


def _less(node: Node, total: Mapping[Node, Counters]) -> Counters:
    """A node's counters less those of its ordinary children."""
    left = list(total[node])
    for child in node.children:
        if not deferred(child):
            left = list(map(sub, left, total[child]))
    return left


def _pass_up_debts(ledger: Ledger) -> None:
    """Let nobody owe: a node's debt becomes its parent's, and the root's what ran late."""
    parents = {child: node for node in ledger.plan.nodes for child in node.children}
    for node in reversed(ledger.plan.nodes):
        own, above = ledger.own[node], parents.get(node)
        for index, debt in enumerate(own):
            if debt >= 0:
                continue
            own[index] = 0
            if above is None:
                ledger.late[index] -= debt
                continue
            ledger.own[above][index] += debt
            ledger.inexact.update((node, above) if index < len(COUNTED) else ())


def _share(own: Counters, exact: bool = True) -> Share:
    hit, read, local_hit, local_read, temp_read, temp_written, wal_records, wal_bytes, io, time = own
    return Share(
        blocks=int(hit + read + local_hit + local_read),
        read=int(read + local_read),
        temp_read=int(temp_read),
        temp_written=int(temp_written),
        wal_records=int(wal_records),
        wal_bytes=int(wal_bytes),
        io=io,
        time=time,
        exact=exact,
    )
