"""Two trees as one text: what stayed, what went, what came.

The edit is the smallest there is, where that is found soon (``plans.edit``): a node put above others is one insertion
whatever the indent of those beneath it.
"""

from __future__ import annotations

from collections.abc import Sequence

from pytest_perfbudget.plans.edit import Search
from pytest_perfbudget.plans.forest import forest, labels
from pytest_perfbudget.plans.render import GAP
from pytest_perfbudget.plans.subsequence import Pairs


def diff(old: Sequence[str], new: Sequence[str]) -> tuple[str, ...]:
    """Tree lines → every line of both, marked ``"  "``, ``"- "`` or ``"+ "``; what stayed has its new indent.

    What went stands before what came in its place, and the conditions of such neighbours are aligned.
    """
    lines: list[str] = []
    before, after = 0, 0
    for left, right in [*matched(old, new), (len(old), len(new))]:
        lines += _changed(old[before:left], new[after:right])
        lines += [f"  {line}" for line in new[right : right + 1]]
        before, after = left + 1, right + 1
    return tuple(lines)


def _changed(gone: Sequence[str], come: Sequence[str]) -> list[str]:
    """Marked lines, their conditions one beneath the other."""
    marked = [(f"- {line}", _head(line)) for line in gone] + [(f"+ {line}", _head(line)) for line in come]
    width = max((end for line, end in marked if end + 2 < len(line)), default=0) + 2
    return [f"{line[: end + 2]:{width}}{line[end + 2 :]}" if end + 2 < len(line) else line for line, end in marked]


def _head(line: str) -> int:
    """The length of a line up to its conditions, indent included."""
    return len(line) - len(line.lstrip(" ")) + len(line.lstrip(" ").partition(GAP)[0])


def edits(old: Sequence[str], new: Sequence[str]) -> tuple[int, int]:
    """How many nodes went and how many came; ``edits(b, a)`` is the reverse of ``edits(a, b)``."""
    kept = len(matched(old, new))
    return len(old) - kept, len(new) - kept


def matched(old: Sequence[str], new: Sequence[str]) -> Pairs:
    """Positions (old, new) of the nodes that stayed, in order; the same whichever side is called old."""
    if tuple(new) < tuple(old):
        return [(left, right) for right, left in matched(new, old)]
    kept = frozenset(labels(old)) & frozenset(labels(new))
    shapes: dict[object, int] = {}
    before, after = forest(old, kept, shapes), forest(new, kept, shapes)
    return [(before.positions[left], after.positions[right]) for left, right in Search(before, after).run()]
