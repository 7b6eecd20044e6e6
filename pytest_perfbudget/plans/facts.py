"""What one node of an executed plan did, read off the counters EXPLAIN ANALYZE shows.

PostgreSQL prints some counts as means per loop: the rows a node produced, rounded to whole rows by majors up to 17 and
to 0.01 from 18 on, and the rows it removed, rounded to whole rows by all. Once there are several loops the total is not
known exactly; ``fewest`` and ``most`` bound it, so that nothing need be judged by a rounding. ``plans.shares`` tells
which part of the blocks, the WAL and the time was the node's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_perfbudget.plans.node import Node, number

PRODUCED = "Actual Rows"
FILTERED = "Rows Removed by Filter"
JOIN_FILTERED = "Rows Removed by Join Filter"
RECHECKED = "Rows Removed by Index Recheck"
REMOVED = (FILTERED, JOIN_FILTERED, RECHECKED)
_READ = ("Shared Hit Blocks", "Shared Read Blocks", "Local Hit Blocks", "Local Read Blocks")


def blocks(node: Node) -> int:
    """8 kB blocks touched by the node and everything below it: shared and local, found or read."""
    return int(sum(map(node.number, _READ)))


def rows(node: Node) -> int:
    """Rows produced over all loops, as near as the mean per loop tells."""
    return round(node.number(PRODUCED) * node.loops)


def rows_filtered(node: Node) -> int:
    """Rows its Filter threw away, over all loops, as near as the mean per loop tells."""
    return round(node.number(FILTERED) * node.loops)


def rows_removed(node: Node) -> int:
    """Rows thrown away by its filter, join filter and recheck, over all loops."""
    return round(sum(map(node.number, REMOVED)) * node.loops)


def rows_scanned(node: Node) -> int:
    """Rows a scan looked at, or a join or another node dealt with: those it produced and those it threw away."""
    return rows(node) + rows_removed(node)


def fewest(node: Node, *keys: str) -> float:
    """The least that the counts per loop under ``keys`` can add up to over all loops; exact for a single loop."""
    loops, total = node.loops, 0.0
    if loops == 1:  # exact, and by far the most nodes
        return sum(map(node.number, keys))
    for key in keys:
        total += max(0.0, number(node.fields.get(key)) - _rounding(node, key, loops))
    return total * loops


def most(node: Node, *keys: str) -> float:
    """The most that the counts per loop under ``keys`` can add up to over all loops; exact for a single loop."""
    loops, total = node.loops, 0.0
    for key in keys:
        total += number(node.fields.get(key)) + _rounding(node, key, loops)
    return total * loops


def _rounding(node: Node, key: str, loops: int) -> float:
    """By how much the mean per loop may be off. Majors from 18 on print two decimals of the rows produced."""
    if loops <= 1:
        return 0.0
    return 0.005 if isinstance(node.fields.get(key), float) else 0.5


def q_error(node: Node) -> float:
    """Rows planned ÷ rows produced, or the other way round where that is more: 1 is a perfect estimate.

    Per loop and with at least one row on either side; of the rows the rounded mean may stand for, those that are
    nearest to the estimate count.
    """
    planned, produced = max(1.0, node.number("Plan Rows")), node.number(PRODUCED)
    rounding = _rounding(node, PRODUCED, node.loops)
    least, greatest = max(1.0, produced - rounding), max(1.0, produced + rounding)
    return max(planned / greatest, least / planned, 1.0)


def underestimated(node: Node) -> bool:
    """Whether more rows came than were planned."""
    return node.number(PRODUCED) > node.number("Plan Rows")


def heap_fetches(node: Node) -> int:
    """Rows an Index Only Scan had to look up in its table: a total over all loops, not a mean."""
    return int(node.number("Heap Fetches"))


def heap_blocks(node: Node) -> tuple[int, int]:
    """Blocks a Bitmap Heap Scan visited: (by exact row pointers, whole because the bitmap had no room), all processes.

    Majors up to 17 print those of the leader alone, 18 those of each worker too.
    """
    exact, lossy = (int(sum(_number(part, f"{kind} Heap Blocks") for part in _parts(node))) for kind in _KINDS)
    return exact, lossy


_KINDS = ("Exact", "Lossy")


def sort_spilled(node: Node) -> bool:
    """Whether a Sort or Incremental Sort went to disk, in the leader or in a worker."""
    groups = [node.fields.get(key) for key in ("Full-sort Groups", "Pre-sorted Groups")]
    return any(part.get("Sort Space Type") == "Disk" for part in _parts(node)) or any(
        isinstance(group, dict) and "Sort Space Disk" in group for group in groups
    )


def hash_batches(node: Node) -> int:
    """Batches a Hash was split into, of the process that needed most; 1 fits into memory, 0 is no Hash."""
    return int(max(_number(part, "Hash Batches") for part in _parts(node)))


def group_batches(node: Node) -> int:
    """Batches a hashed Aggregate was split into, of the process that needed most; one on disk has at least 2."""
    parts = _parts(node)
    written = any(_number(part, "Disk Usage") > 0 for part in parts)
    return max(int(max(_number(part, "HashAgg Batches") for part in parts)), 2 if written else 0)


def hash_spilled(node: Node) -> bool:
    """Whether a Hash or a hashed Aggregate needed more than one batch, in the leader or in a worker."""
    return hash_batches(node) > 1 or group_batches(node) > 1


def _parts(node: Node) -> list[Mapping[str, Any]]:
    """The node's fields, and those of each worker."""
    workers = node.fields.get("Workers")
    found = [worker for worker in workers if isinstance(worker, dict)] if isinstance(workers, list) else []
    return [node.fields, *found]


def _number(part: Mapping[str, Any], key: str) -> float:
    return number(part.get(key))
