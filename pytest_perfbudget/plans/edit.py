"""The smallest tree edit: nodes taken out and put in, everything else stays what it was, in order and in ancestry.

A* over what is left of both trees. Three moves cost nothing and are part of some smallest edit: two equal trees that
come next stay; two equal roots with nothing beside them stay; a side that is used up ends the other. What is left is a
choice: the next node of one side goes (1), or both stay where they are equal (0), and then what is below them and what
comes after them are two questions of their own. The bound is the difference of the sizes.

The number of choices is limited: it grows with the edit. Beyond it the search goes on with the few best states of each
size, and the better of that edit and that of ``plans.subsequence`` is taken: one of hundreds of nodes need not be the
smallest.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush
from typing import Any, NamedTuple

from pytest_perfbudget.plans.forest import Forest
from pytest_perfbudget.plans.subsequence import Pairs, common

CHOICES = 12_000
"""Choices after which the smallest edit is given up, about 0.05 s; and choices of what follows."""

Rest = tuple[int, Any] | None
"""The next node, and what comes after the last of its siblings: longer than one only where parents were taken out."""


class _State(NamedTuple):
    """What is left at this level of both sides, with its size, and the levels above by the number of their frame.

    ``above`` counts the nodes of the levels above, ``owed`` is their bound; ``paid`` is what went so far, ``stays`` a
    list linked backwards.
    """

    left: Rest
    right: Rest
    lefts: int
    rights: int
    frame: int = 0
    above: int = 0
    owed: int = 0
    paid: int = 0
    stays: Any = None

    @property
    def bound(self) -> int:
        return self.paid + self.owed + abs(self.lefts - self.rights)

    @property
    def ahead(self) -> int:
        """Nodes of both sides that are not decided."""
        return self.lefts + self.rights + self.above


class Search:
    """The edit of two forests whose shapes were numbered by one dictionary."""

    def __init__(self, old: Forest, new: Forest) -> None:
        self._old, self._new = old, new
        self._frames: list[_State] = [_State(None, None, 0, 0)]
        self._numbers: dict[tuple[Rest, Rest, int], int] = {}

    def run(self) -> Pairs:
        """The nodes that stay, in order."""
        start = _State(_start(self._old), _start(self._new), len(self._old.labels), len(self._new.labels))
        stays = self._smallest(start)
        if stays is not False:
            return _pairs(stays)
        return max(common(self._old, self._new), _pairs(self._good(start)), key=len)

    def _smallest(self, start: _State) -> Any:
        """By their bound, among equals the newest first: it is the furthest. False when the choices are used up."""
        heap: list[tuple[int, int, _State]] = [(start.bound, 0, start)]
        seen: set[tuple[Rest, Rest, int]] = set()
        for step in range(CHOICES):
            state = self._settled(heappop(heap)[2])
            if state.left is None:
                return state.stays
            key = (state.left, state.right, state.frame)
            if key in seen:
                continue
            seen.add(key)
            for number, choice in enumerate(self._choices(state)):
                heappush(heap, (choice.bound, -3 * step - number, choice))
        return False

    def _good(self, start: _State) -> Any:
        """By how much is decided, of each size only the best."""
        start = self._settled(start)
        width = max(1, CHOICES // max(start.ahead, 1))
        waiting: list[list[_State]] = [[] for _ in range(start.ahead + 1)]
        waiting[start.ahead].append(start)
        for size in reversed(range(1, start.ahead + 1)):
            best = {(state.left, state.right, state.frame): state for state in sorted(waiting[size], key=_worst_first)}
            for state in list(best.values())[-width:]:
                for choice in map(self._settled, self._choices(state)):
                    waiting[choice.ahead].append(choice)
            waiting[size] = []
        return min(waiting[0], key=lambda state: state.paid).stays

    def _settled(self, state: _State) -> _State:
        """After all moves that cost nothing or leave no choice: at a choice, or with nothing left on either side."""
        old, new = self._old, self._new
        left, right, lefts, rights, frame, above, owed, paid, stays = state
        while True:
            if left is None or right is None:
                paid += lefts + rights
                if not frame:
                    return _State(None, None, 0, 0, paid=paid, stays=stays)
                left, right, lefts, rights, frame, above, owed, _, _ = self._frames[frame]
                continue
            a, b = left[0], right[0]
            if old.shapes[a] == new.shapes[b]:
                size = old.sizes[a]
                stays, lefts, rights = (stays, a, b, size), lefts - size, rights - size
                left, right = _after(old, left), _after(new, right)
            elif old.labels[a] == new.labels[b] and lefts == old.sizes[a] and rights == new.sizes[b]:
                stays, lefts, rights = (stays, a, b, 1), lefts - 1, rights - 1
                left, right = _below(old, a), _below(new, b)
            else:
                return _State(left, right, lefts, rights, frame, above, owed, paid, stays)

    def _choices(self, state: _State) -> Iterator[_State]:
        """The next node of the left goes, that of the right goes, or both stay."""
        old, new = self._old, self._new
        left, right, lefts, rights, frame, above, owed, paid, stays = state
        assert left is not None
        assert right is not None
        a, b = left[0], right[0]
        yield _State(_without(old, left), right, lefts - 1, rights, frame, above, owed, paid + 1, stays)
        yield _State(left, _without(new, right), lefts, rights - 1, frame, above, owed, paid + 1, stays)
        if old.labels[a] == new.labels[b]:
            inner, outer = old.sizes[a], new.sizes[b]
            rest = _State(_after(old, left), _after(new, right), lefts - inner, rights - outer, frame, above, owed)
            apart = owed + abs(rest.lefts - rest.rights)
            below = _below(old, a), _below(new, b), inner - 1, outer - 1
            yield _State(*below, self._framed(rest), rest.ahead, apart, paid, (stays, a, b, 1))

    def _framed(self, rest: _State) -> int:
        """The number of a level to come back to; the same for the same rest of the same levels."""
        number = self._numbers.setdefault((rest.left, rest.right, rest.frame), len(self._frames))
        if number == len(self._frames):
            self._frames.append(rest)
        return number


def _worst_first(state: _State) -> int:
    return -state.bound


def _start(forest: Forest) -> Rest:
    return (0, None) if forest.labels else None


def _after(forest: Forest, rest: tuple[int, Any]) -> Rest:
    """What comes after the next node and all below it."""
    following = forest.following[rest[0]]
    tail: Rest = rest[1]
    return (following, tail) if following >= 0 else tail


def _below(forest: Forest, node: int) -> Rest:
    return (forest.first[node], None) if forest.first[node] >= 0 else None


def _without(forest: Forest, rest: tuple[int, Any]) -> Rest:
    """What is left when the next node goes: those below it take its place."""
    first = forest.first[rest[0]]
    return (first, _after(forest, rest)) if first >= 0 else _after(forest, rest)


def _pairs(stays: Any) -> Pairs:
    found: Pairs = []
    while stays:
        stays, left, right, size = stays
        found += [(left + offset, right + offset) for offset in reversed(range(size))]
    return found[::-1]
