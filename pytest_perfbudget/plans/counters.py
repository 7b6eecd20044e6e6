"""The counters of an executed node that include what ran beneath it."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_perfbudget.plans.node import Node, Plan, number

Counters = list[float]
"""One amount per entry of ``COUNTED``, then the seconds of I/O and of running."""

COUNTED = (
    "Shared Hit Blocks",
    "Shared Read Blocks",
    "Local Hit Blocks",
    "Local Read Blocks",
    "Temp Read Blocks",
    "Temp Written Blocks",
    "WAL Records",
    "WAL Bytes",
)
"""Whole numbers; times are not, and rounded besides."""

_IO = tuple(f"{place}I/O {what} Time" for place in ("", "Shared ", "Local ", "Temp ") for what in ("Read", "Write"))


def counters(plan: Plan) -> dict[Node, Counters]:
    """Each node's counters, those of the nodes beneath it included.

    Blocks, WAL and I/O are sums over loops and processes as PostgreSQL prints them. Times are means per loop: they are
    multiplied by the loops, and beneath a Gather divided by the processes that took part.
    """
    timed = any("I/O" in key for key in plan.root.fields)
    found: dict[Node, Counters] = {}
    for node, processes in _processes(plan.root):
        held = node.fields.get
        amounts = [number(held(key)) for key in COUNTED]
        amounts.append(sum(map(node.number, _IO)) / 1000 if timed else 0.0)
        amounts.append(number(held("Actual Total Time")) / 1000 * node.loops / processes)
        found[node] = amounts
    return found


def none() -> Counters:
    """Nothing counted."""
    return [0.0] * (len(COUNTED) + 2)


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
