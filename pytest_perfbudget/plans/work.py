"""What a statement cost the server, from the counters of its executed plan."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pytest_perfbudget.model import Work
from pytest_perfbudget.plans import facts
from pytest_perfbudget.plans.charges import deferred
from pytest_perfbudget.plans.labels import SCANS
from pytest_perfbudget.plans.node import Node, Plan
from pytest_perfbudget.plans.shares import Share, shares

_PASSES_ON = frozenset(("Subquery Scan",))
"""Scans whose rows were counted by the scans below them."""


def work(plan: Plan, major: int) -> Work:
    """The counters of ``model.WORK_METRICS``; all 0 in a plan without ANALYZE.

    Blocks, temporary blocks and WAL records are the root's totals (EXPLAIN accumulates them up the tree), with what a
    WITH query wrote after the root had ended and without those of planning; the others are sums over the nodes.
    ``major`` decides which sums are inexact: ``rows`` where a scan of PostgreSQL ≤ 17 ran more than once,
    ``rows_removed`` where anything that removes rows did, on every major.
    """
    root, nodes, late = plan.root, plan.nodes, _late(plan)
    scans = [node for node in nodes if node.type in SCANS - _PASSES_ON]
    return Work(
        buffers=facts.blocks(root) + late.blocks,
        rows=sum(map(facts.rows, scans)),
        rows_removed=sum(map(facts.rows_removed, nodes)),
        temp=int(root.number("Temp Written Blocks")) + late.temp_written,
        wal=int(root.number("WAL Records")) + late.wal_records,
        loops=sum(node.loops for node in _repeated(nodes)),
        heap_fetches=sum(map(facts.heap_fetches, nodes)),
        spills=sum(facts.sort_spilled(node) or facts.hash_spilled(node) for node in nodes),
        cost=cost(plan),
        inexact=_inexact(scans, nodes, major),
    )


def _late(plan: Plan) -> Share:
    """What ran after the root: only a WITH query that writes can."""
    writes = any(deferred(node) for node in plan.of("ModifyTable"))
    return shares(plan).late if writes else Share()


def cost(plan: Plan) -> float:
    """The planner's estimate for the whole statement, in its own unit (a sequential page read is 1)."""
    return plan.root.number("Total Cost")


def _repeated(nodes: Iterable[Node]) -> Iterator[Node]:
    """The inner sides of nested loops, and subplans executed per row; an InitPlan runs once and is not among them."""
    for node in nodes:
        for child in node.children:
            inner = node.type == "Nested Loop" and child.relationship == "Inner"
            if inner or child.relationship == "SubPlan":
                yield child


def _inexact(scans: Iterable[Node], nodes: Iterable[Node], major: int) -> frozenset[str]:
    rounded = set()
    if major <= 17 and any(node.loops > 1 for node in scans):
        rounded.add("rows")
    if any(node.loops > 1 and _removes(node) for node in nodes):
        rounded.add("rows_removed")
    return frozenset(rounded)


def _removes(node: Node) -> bool:
    return any(node.text(key) for key in ("Filter", "Join Filter")) or facts.rows_removed(node) > 0
