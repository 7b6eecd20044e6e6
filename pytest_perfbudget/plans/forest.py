"""Tree lines as an ordered tree of labels, by position: what the tree edit works on."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from pytest_perfbudget.plans.render import INDENT


@dataclass(frozen=True, slots=True)
class Forest:
    """Nodes in preorder, each named by its place in these lists; -1 is no node.

    ``positions`` are the lines they came from, ``sizes`` count a node and all below it, ``shapes`` are equal where
    the nodes and everything below them are.
    """

    positions: list[int]
    labels: list[str]
    parents: list[int]
    first: list[int]
    following: list[int]
    sizes: list[int]
    shapes: list[int]


def labels(lines: Sequence[str]) -> list[str]:
    """The lines without their indent."""
    return [line.lstrip(" ") for line in lines]


def parents(lines: Sequence[str]) -> list[int]:
    """The position of each line's parent; -1 for a root."""
    found: list[int] = []
    above: list[tuple[int, int]] = []
    for position, line in enumerate(lines):
        depth = (len(line) - len(line.lstrip(" "))) // len(INDENT)
        while above and above[-1][0] >= depth:
            above.pop()
        found.append(above[-1][1] if above else -1)
        above.append((depth, position))
    return found


def forest(lines: Sequence[str], kept: Collection[str], shapes: dict[object, int]) -> Forest:
    """The nodes whose label is among ``kept``; what hangs below the others moves up to their parent.

    ``shapes`` numbers what was seen before: forests made with one dictionary can be compared by their ``shapes``.
    """
    texts, above = labels(lines), parents(lines)
    positions = [position for position, text in enumerate(texts) if text in kept]
    places: dict[int, int] = {-1: -1}
    own: list[int] = []
    for position, text in enumerate(texts):
        up = places[above[position]]
        places[position] = len(own) if text in kept else up
        if text in kept:
            own.append(up)
    return _linked(positions, [texts[position] for position in positions], own, shapes)


def _linked(positions: list[int], texts: list[str], above: list[int], shapes: dict[object, int]) -> Forest:
    count = len(texts)
    first, following, sizes, marks = [-1] * count, [-1] * count, [1] * count, [0] * count
    below: list[list[int]] = [[] for _ in range(count)]
    newest = -1
    for node in reversed(range(count)):
        key = (texts[node], *reversed(below[node]))
        marks[node] = shapes.setdefault(key, len(shapes))
        up = above[node]
        if up < 0:
            following[node], newest = newest, node
        else:
            following[node], first[up] = first[up], node
            sizes[up] += sizes[node]
            below[up].append(marks[node])
    return Forest(positions, texts, above, first, following, sizes, marks)
