"""What a plan and each of its scans did, or would do by the planner's estimate, by identifier."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_perfbudget.model import Work
from pytest_perfbudget.plans import facts
from pytest_perfbudget.plans.identifiers import identifiers
from pytest_perfbudget.plans.labels import indexes, label
from pytest_perfbudget.plans.names import quoted
from pytest_perfbudget.plans.node import Node, Plan
from pytest_perfbudget.plans.work import work

_BITMAPS = frozenset(("Bitmap Index Scan", "BitmapAnd", "BitmapOr"))


@dataclass(frozen=True, slots=True)
class ScanFacts:
    """One scan: how it reads, and what it did over all loops.

    ``buffers`` are its own 8 kB blocks, those of its bitmap included. Without ANALYZE the counters are 0. ``cost`` is
    the planner's for one loop, with all that is below it; ``planned`` are the rows it expected of one loop.
    """

    access: str
    rows: int
    rows_removed: int
    loops: int
    buffers: int
    planned: int
    cost: float


@dataclass(frozen=True, slots=True)
class Account:
    """``total`` is the whole statement; ``scans`` are in the order of the plan."""

    total: Work
    scans: dict[str, ScanFacts]
    analyzed: bool
    buffered: bool


def account(plan: Plan) -> Account:
    """The counters of an executed plan, the estimates of any."""
    scans = {name: _scan(node) for node, name in identifiers(plan).items()}
    return Account(work(plan, major(plan)), scans, plan.analyzed, plan.buffered)


def major(plan: Plan) -> int:
    """A major that counts rows as the server of this plan does: 18 prints decimals, those before it (17) do not."""
    return 18 if any(isinstance(node.fields.get("Actual Rows"), float) for node in plan.root.walk()) else 17


def _scan(node: Node) -> ScanFacts:
    others = sum(facts.blocks(child) for child in node.children if child.type not in _BITMAPS)
    return ScanFacts(
        access=_access(node),
        rows=facts.rows(node),
        rows_removed=facts.rows_removed(node),
        loops=node.loops,
        buffers=max(0, facts.blocks(node) - others),
        planned=int(node.number("Plan Rows")),
        cost=node.number("Total Cost"),
    )


def _access(node: Node) -> str:
    """The node's label; a bitmap names its indexes."""
    if node.type != "Bitmap Heap Scan":
        return label(node)
    names = ", ".join(map(quoted, indexes(node)))
    return label(node).replace("Bitmap Heap Scan", f"Bitmap Heap Scan using {names}", 1) if names else label(node)
