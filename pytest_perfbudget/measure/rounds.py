"""Rounds: every statement of the module once on either side, in shuffled order, until each is decided."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Protocol

from pytest_perfbudget.measure.paired import LOOKS, Comparison, Look
from pytest_perfbudget.measure.quiet import no_garbage_collection
from pytest_perfbudget.measure.sampling import WARM_UP_SHARE, Cap

WARM_UP = 12
"""Executions of either side thrown away: psycopg prepares at the sixth, PostgreSQL weighs a generic plan five later."""
CAP = 3.0
"""Seconds for each statement."""


def _uncounted(key: str, seconds: tuple[float, float]) -> None:
    pass


class Pair(Protocol):
    """A statement as the reference and as the head execute it, on one connection. What switches between the two
    (``SET search_path``) lies outside the seconds they give."""

    def old(self) -> float:
        """Execute the reference's once; seconds from execute to the last row, above 0."""

    def new(self) -> float:
        """Execute the head's once; likewise."""


@dataclass(frozen=True, slots=True)
class Connected:
    """What is measured on a new connection (or on two, see :mod:`.fresh`): the statements, a null pair (one reference
    query, twice), and other reference queries to divide by, where the layout needs them. ``counted`` is told the key
    and the seconds of either side of each round of a statement, without those of the warm-up."""

    pairs: Mapping[str, Pair]
    control: Pair
    references: Sequence[Pair] = ()
    counted: Callable[[str, tuple[float, float]], None] = _uncounted


def measure_pairs(
    connected: Connected,
    regress: Mapping[str, float],
    clock: Callable[[], float],
    order: Random,
    cap: float = CAP,
    looks: Sequence[int] = LOOKS,
    ends: float = math.inf,
) -> dict[str, Look]:
    """A decided :class:`~pytest_perfbudget.measure.paired.Look` for each statement.

    ``regress`` gives the slowdown to be caught as a share for each. ``clock`` gives seconds; no round begins ``cap``
    seconds for each statement after the first execution, nor when the clock is at ``ends``. Even rounds execute the
    reference first, odd ones the head. Garbage collection is off meanwhile. Errors of a pair pass.
    """
    pairs = connected.pairs
    comparisons = {key: Comparison(regress[key], looks) for key in pairs}
    started = clock()
    allowed = Cap.of(cap * max(len(pairs), 1)).within(ends - started)
    with no_garbage_collection():
        warm_up([*pairs.values(), connected.control], lambda: clock() - started < allowed.seconds * WARM_UP_SHARE)
        number = 0
        while (waiting := [key for key in pairs if comparisons[key].open]) and clock() - started < allowed.seconds:
            order.shuffle(waiting)
            null = turn(connected.control, number)
            for key in waiting:
                seconds = turn(pairs[key], number)
                connected.counted(key, seconds)
                comparisons[key].add(*seconds, null)
                comparisons[key].look()
            number += 1
    return {key: one.stop(f"{allowed.words} reached") for key, one in comparisons.items()}


def turn(pair: Pair, number: int) -> tuple[float, float]:
    """Seconds of the reference and of the head, executed in the order of this round."""
    if number % 2 == 0:
        old = pair.old()
        return old, pair.new()
    new = pair.new()
    return pair.old(), new


def warm_up(pairs: Sequence[Pair], in_time: Callable[[], bool]) -> None:
    """Execute both sides of all pairs :data:`WARM_UP` times, or as long as there is time."""
    for number in range(WARM_UP):
        for pair in pairs:
            if not in_time():
                return
            turn(pair, number)
