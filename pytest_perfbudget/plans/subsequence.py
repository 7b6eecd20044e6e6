"""Nodes two trees have in common, found quickly: a valid tree edit, not always the smallest.

The longest common subsequence of the nodes in preorder, less the pairs that hang under different parents: what is left
preserves order and ancestry. Bit-parallel after H. Hyyrö, "Bit-parallel LCS-length computation revisited" (2004):
nodes² / 64 steps, in the integers of Python.
"""

from __future__ import annotations

from collections.abc import Sequence

from pytest_perfbudget.plans.forest import Forest

Pairs = list[tuple[int, int]]


def common(old: Forest, new: Forest) -> Pairs:
    """Nodes (old, new) that stay, in order."""
    left, right = old.labels, new.labels
    # Among equal neighbours the beginning and the end can each be kept first; ancestry decides which fits.
    mirrored = [(len(left) - 1 - i, len(right) - 1 - j) for i, j in reversed(_common_nodes(left[::-1], right[::-1]))]
    return max((_same_ancestry(pairs, old, new) for pairs in (_common_nodes(left, right), mirrored)), key=len)


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


def _same_ancestry(pairs: Pairs, old: Forest, new: Forest) -> Pairs:
    """The pairs whose nearest kept ancestors are a pair themselves (parents come first, so one pass will do)."""
    kept: Pairs = []
    lefts, rights = {-1: -1}, {-1: -1}
    for left, right in pairs:
        up, across = old.parents[left], new.parents[right]
        while up not in lefts:
            up = old.parents[up]
        while across not in rights:
            across = new.parents[across]
        if lefts[up] == across:
            kept.append((left, right))
            lefts[left], rights[right] = right, left
    return kept
