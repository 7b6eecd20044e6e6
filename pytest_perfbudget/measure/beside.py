"""A statement beside reference queries of the plugin's own, a round at a time in one backend, on a few connections one
after the other: two backends of a server differ by themselves, and one of them does not speak for the run.

What a round gives is divided by its references (:func:`.stored.ratio`), so that the speed of the machine cancels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from random import Random

from pytest_perfbudget.measure.quiet import no_garbage_collection
from pytest_perfbudget.measure.rounds import WARM_UP
from pytest_perfbudget.measure.sampling import CAP, WARM_UP_SHARE, Cap
from pytest_perfbudget.measure.stored import ratio

CONNECTIONS = 4
ROUNDS = 30
"""On each connection."""
FEWEST = 12
"""Rounds that a figure rests on at the least."""

SHORTEST = 1e-7
"""Seconds of an execution that was nothing but waiting, where that does not count."""

Execute = Callable[[], float]
"""Executes a statement once; seconds from execute to the last row, or what of them counts."""


@dataclass(frozen=True, slots=True)
class Beside:
    """What is executed on a new connection: the statement and the references."""

    statement: Execute
    references: Sequence[Execute]


@dataclass(frozen=True, slots=True)
class Figure:
    """The statement's time in units of the references', from ``rounds``; None with the ``reason`` where they are too
    few."""

    value: float | None
    rounds: int
    reason: str = ""


def figure(
    fresh: Callable[[], AbstractContextManager[Beside]], clock: Callable[[], float], order: Random, cap: Cap = CAP
) -> Figure:
    """Measure a statement on connections that ``fresh`` opens.

    ``clock`` gives seconds; no round begins once the ``cap`` is reached, of which each connection has its part. Garbage
    collection is off meanwhile. Errors of an execution pass.
    """
    rounds: list[list[float]] = []
    started = clock()
    with no_garbage_collection():
        for number in range(1, CONNECTIONS + 1):
            ends = started + cap.seconds * number / CONNECTIONS
            with fresh() as beside:
                rounds += _rounds(beside, clock, order, ends)
    if len(rounds) < FEWEST:
        return Figure(None, len(rounds), f"{cap.words} reached after {len(rounds)} of the {FEWEST} rounds needed")
    taken, *references = zip(*rounds, strict=True)
    return Figure(ratio(taken, references), len(rounds))


def _rounds(beside: Beside, clock: Callable[[], float], order: Random, ends: float) -> list[list[float]]:
    """The seconds of the statement and of each reference, by round; each executed once, in shuffled order."""
    executes = [beside.statement, *beside.references]
    warm = clock() + (ends - clock()) * WARM_UP_SHARE
    for _ in range(WARM_UP):
        if clock() >= warm:
            break
        for execute in executes:
            execute()
    rounds: list[list[float]] = []
    places = list(range(len(executes)))
    while len(rounds) < ROUNDS and clock() < ends:
        order.shuffle(places)
        taken = [0.0] * len(executes)
        for place in places:
            taken[place] = max(executes[place](), SHORTEST)
        rounds.append(taken)
    return rounds
