"""What one node of an executed plan did: its own share of the counters EXPLAIN ANALYZE shows."""

from __future__ import annotations

from typing import Any

from pytest_perfbudget.plans.node import Node

_READ = ("Shared Hit Blocks", "Shared Read Blocks", "Local Hit Blocks", "Local Read Blocks")
_REMOVED = ("Rows Removed by Filter", "Rows Removed by Join Filter", "Rows Removed by Index Recheck")


def blocks(node: Node) -> int:
    """8 kB blocks touched by the node and everything below it: shared and local, found or read."""
    return int(sum(node.number(key) for key in _READ))


def self_blocks(node: Node) -> int:
    """The node's own blocks: its total less its children's.

    An InitPlan or CTE is charged by PostgreSQL to the node that first asked for it, which may sit below the node it
    hangs on; the difference then goes below zero and is given as 0. So a share is never overstated by its children.
    """
    return max(0, blocks(node) - sum(blocks(child) for child in node.children))


def rows(node: Node) -> int:
    """Rows produced over all loops. PostgreSQL prints the mean per loop: rounded to 1 on ≤ 17, to 0.01 on 18."""
    return round(node.number("Actual Rows") * node.loops)


def rows_filtered(node: Node) -> int:
    """Rows its Filter threw away, over all loops (a rounded mean per loop on every major)."""
    return round(node.number("Rows Removed by Filter") * node.loops)


def rows_removed(node: Node) -> int:
    """Rows thrown away by its filter, join filter and recheck, over all loops."""
    return round(sum(node.number(key) for key in _REMOVED) * node.loops)


def rows_scanned(node: Node) -> int:
    """Rows a scan looked at: those it produced and those it threw away."""
    return rows(node) + rows_removed(node)


def sort_spilled(node: Node) -> bool:
    """Whether a Sort or Incremental Sort went to disk, in the leader or in a worker."""
    groups = [node.fields.get(key) for key in ("Full-sort Groups", "Pre-sorted Groups")]
    return any(part.get("Sort Space Type") == "Disk" for part in _parts(node)) or any(
        isinstance(group, dict) and "Sort Space Disk" in group for group in groups
    )


def hash_spilled(node: Node) -> bool:
    """Whether a Hash or a hashed Aggregate needed more than one batch, in the leader or in a worker."""
    return any(_above(part, key, 1) for part in _parts(node) for key in ("Hash Batches", "HashAgg Batches")) or any(
        _above(part, "Disk Usage", 0) for part in _parts(node)
    )


def _parts(node: Node) -> list[dict[str, Any]]:
    workers = node.fields.get("Workers")
    found = [worker for worker in workers if isinstance(worker, dict)] if isinstance(workers, list) else []
    return [dict(node.fields), *found]


def _above(part: dict[str, Any], key: str, limit: int) -> bool:
    value = part.get(key)
    return isinstance(value, int | float) and value > limit
