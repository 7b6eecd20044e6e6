"""The counters of an executed node that include what ran beneath it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pytest_perfbudget.plans.node import Node, Plan

Counters = list[float]
"""One amount per entry of ``COUNTERS``."""


@dataclass(frozen=True, slots=True)
class Counter:
    """A counter of EXPLAIN, or several added up. ``parts`` are the fields of a share it goes into; ``scale`` makes
    seconds of milliseconds; ``exact`` counters are whole numbers."""

    keys: tuple[str, ...]
    parts: tuple[str, ...]
    scale: float = 1
    exact: bool = True


_IO = tuple(f"{place}I/O {what} Time" for place in ("", "Shared ", "Local ", "Temp ") for what in ("Read", "Write"))

COUNTERS = (
    Counter(("Shared Hit Blocks",), ("blocks",)),
    Counter(("Shared Read Blocks",), ("blocks", "read")),
    Counter(("Local Hit Blocks",), ("blocks",)),
    Counter(("Local Read Blocks",), ("blocks", "read")),
    Counter(("Temp Read Blocks",), ("temp_read",)),
    Counter(("Temp Written Blocks",), ("temp_written",)),
    Counter(("WAL Records",), ("wal_records",)),
    Counter(("WAL Bytes",), ("wal_bytes",)),
    Counter(_IO, ("io",), scale=1e-3, exact=False),
    Counter(("Actual Total Time",), ("time",), scale=1e-3, exact=False),
)
EXACT = tuple(index for index, counter in enumerate(COUNTERS) if counter.exact)
_TIME = len(COUNTERS) - 1


def counters(plan: Plan) -> dict[Node, Counters]:
    """Each node's counters, those of the nodes beneath it included.

    Blocks, WAL and I/O are sums over loops and processes as PostgreSQL prints them. Times are means per loop: they are
    multiplied by the loops, and beneath a Gather divided by the processes that took part.
    """
    found: dict[Node, Counters] = {}
    for node, processes in _processes(plan.root):
        amounts = [sum(map(node.number, counter.keys)) * counter.scale for counter in COUNTERS]
        amounts[_TIME] *= node.loops / processes
        found[node] = amounts
    return found


def gathers(node: Node) -> bool:
    """Whether what is beneath the node runs in several processes."""
    return node.type in ("Gather", "Gather Merge")


def _processes(root: Node) -> Iterator[tuple[Node, float]]:
    """Every node with the number of processes that executed it: 1 outside of a Gather."""
    waiting = [(root, 1.0)]
    while waiting:
        node, processes = waiting.pop()
        yield node, processes
        for child in node.children:
            several = gathers(node) and child.relationship == "Outer"
            waiting.append((child, max(1.0, child.loops / max(1, node.loops)) if several else processes))
