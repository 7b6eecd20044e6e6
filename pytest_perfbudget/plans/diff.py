"""Two trees as one text: what stayed, what went, what came.

The longest common subsequence of the nodes in preorder, by their text without indent, less the pairs that hang under
different parents: what is left preserves order and ancestry, so it is a tree edit, and a node put above others is one
insertion whatever the indent of those beneath it. Bit-parallel after H. Hyyrö, "Bit-parallel LCS-length computation
revisited" (2004): nodes² / 64 steps, in the integers of Python.
"""

from __future__ import annotations

from collections.abc import Sequence

from pytest_perfbudget.plans.render import GAP, INDENT

Pairs = list[tuple[int, int]]


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
    left, right = [line.lstrip(" ") for line in old], [line.lstrip(" ") for line in new]
    parents = _parents(old), _parents(new)
    # Among equal neighbours the beginning and the end can each be kept first; ancestry decides which fits.
    mirrored = [(len(left) - 1 - i, len(right) - 1 - j) for i, j in reversed(_common_nodes(left[::-1], right[::-1]))]
    return max((_same_ancestry(pairs, *parents) for pairs in (_common_nodes(left, right), mirrored)), key=len)


def _common_nodes(left: Sequence[str], right: Sequence[str]) -> Pairs:
    """A longest common subsequence, as positions; the common beginning and end need no search."""
    start = _common(left, right)
    end = _common(left[start:][::-1], right[start:][::-1])
    middle = _subsequence(left[start : len(left) - end], right[start : len(right) - end])
    pairs = [(i, i) for i in range(start)] + [(start + i, start + j) for i, j in middle]
    return pairs + [(len(left) - i, len(right) - i) for i in range(end, 0, -1)]


def _common(left: Sequence[str], right: Sequence[str]) -> int:
    """The length of the common beginning."""
    return next((i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))


def _subsequence(left: Sequence[str], right: Sequence[str]) -> Pairs:
    """A longest common subsequence, as positions. In row j, bit i is 0 where left[i] lengthens it."""
    places: dict[str, int] = {}
    for position, text in enumerate(left):
        places[text] = places.get(text, 0) | 1 << position
    full = row = (1 << len(left)) - 1
    rows = []
    for text in right:
        common = row & places.get(text, 0)
        row = ((row + common) | (row - common)) & full
        rows.append(row)
    return _traced(rows, len(left))


def _traced(rows: list[int], width: int) -> Pairs:
    """Back through the rows, from the last to the first pair."""
    pairs: Pairs = []
    i, j = width - 1, len(rows) - 1
    while i >= 0 and j >= 0:
        if rows[j] >> i & 1:
            i -= 1
        elif j and not rows[j - 1] >> i & 1:
            j -= 1
        else:
            pairs.append((i, j))
            i, j = i - 1, j - 1
    return pairs[::-1]


def _parents(lines: Sequence[str]) -> list[int]:
    """The position of each line's parent; -1 for a root."""
    parents: list[int] = []
    above: list[tuple[int, int]] = []
    for position, line in enumerate(lines):
        depth = (len(line) - len(line.lstrip(" "))) // len(INDENT)
        while above and above[-1][0] >= depth:
            above.pop()
        parents.append(above[-1][1] if above else -1)
        above.append((depth, position))
    return parents


def _same_ancestry(pairs: Pairs, old: list[int], new: list[int]) -> Pairs:
    """The pairs whose nearest kept ancestors are a pair themselves (parents come first, so one pass will do)."""
    kept: Pairs = []
    lefts, rights = {-1: -1}, {-1: -1}
    for left, right in pairs:
        up, across = old[left], new[right]
        while up not in lefts:
            up = old[up]
        while across not in rights:
            across = new[across]
        if lefts[up] == across:
            kept.append((left, right))
            lefts[left], rights[right] = right, left
    return kept
