"""What a plan and each of its scans did, or would do by the planner's estimate, by identifier."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pytest_perfbudget.model import Work
from pytest_perfbudget.plans import facts
from pytest_perfbudget.plans.identifiers import identifiers
from pytest_perfbudget.plans.labels import indexes, label
from pytest_perfbudget.plans.names import quoted
from pytest_perfbudget.plans.node import Node, Plan
from pytest_perfbudget.plans.shares import Share, shares
from pytest_perfbudget.plans.work import work

_BITMAPS = frozenset(("Bitmap Index Scan", "BitmapAnd", "BitmapOr"))


@dataclass(frozen=True, slots=True)
class ScanFacts:
    """One scan: how it reads, and what it did over all loops.

    ``buffers`` are its own 8 kB blocks, those of its bitmap included. ``inexact`` names the counters that PostgreSQL
    rounded, or that it does not tell from another node's. Without ANALYZE the counters are 0. ``cost`` is the planner's
    for one loop, with all that is below it; ``planned`` are the rows it expected of one loop.
    """

    access: str
    rows: int
    rows_removed: int
    loops: int
    buffers: int
    planned: int
    cost: float
    inexact: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Account:
    """``total`` is the whole statement; ``scans`` are in the order of the plan."""

    total: Work
    scans: dict[str, ScanFacts]
    analyzed: bool
    buffered: bool


def account(plan: Plan) -> Account:
    """The counters of an executed plan, the estimates of any."""
    own = shares(plan).of
    scans = {name: _scan(node, own) for node, name in identifiers(plan).items()}
    return Account(work(plan, major(plan)), scans, plan.analyzed, plan.buffered)


def major(plan: Plan) -> int:
    """A major that counts rows as the server of this plan does: 18 prints decimals, those before it (17) do not."""
    return 18 if any(isinstance(node.fields.get("Actual Rows"), float) for node in plan.root.walk()) else 17


def _scan(node: Node, own: Mapping[Node, Share]) -> ScanFacts:
    parts = [own[part] for part in (node, *_bitmap(node))]
    removed = [key for key in facts.REMOVED if key in node.fields]
    counted = {"rows": [facts.PRODUCED], "rows_removed": removed}
    rounded = [name for name, keys in counted.items() if facts.fewest(node, *keys) != facts.most(node, *keys)]
    return ScanFacts(
        access=_access(node),
        rows=facts.rows(node),
        rows_removed=facts.rows_removed(node),
        loops=node.loops,
        buffers=sum(part.blocks for part in parts),
        planned=int(node.number("Plan Rows")),
        cost=node.number("Total Cost"),
        inexact=(*rounded, *(() if all(part.exact for part in parts) else ("buffers",))),
    )


def _bitmap(node: Node) -> Iterator[Node]:
    for child in node.children:
        if child.type in _BITMAPS:
            yield child
            yield from _bitmap(child)


def _access(node: Node) -> str:
    """The node's label; a bitmap names its indexes."""
    if node.type != "Bitmap Heap Scan":
        return label(node)
    names = ", ".join(map(quoted, indexes(node)))
    return label(node).replace("Bitmap Heap Scan", f"Bitmap Heap Scan using {names}", 1) if names else label(node)
