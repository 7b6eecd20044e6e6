"""Statements against themselves: what one new connection shows of statements of which nothing has changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from pytest_perfbudget.measure.beside import SHORTEST
from pytest_perfbudget.measure.quiet import no_garbage_collection
from pytest_perfbudget.measure.rounds import Connected, Pair, turn, warm_up
from pytest_perfbudget.measure.stored import ratio

ROUNDS = 60
"""Of a trial: the paired gate itself may take up to 240."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Seconds by round of both executions, of the null pair, and of each reference query, what it waited left out.

    ``waited`` are those of both executions, side by side, that went by waiting for a processor (:mod:`.unhindered`),
    empty where nobody knows; ``cpu`` is the CPU time of an execution, None where it cannot be read.
    """

    old: Sequence[float]
    new: Sequence[float]
    control: Sequence[tuple[float, float]]
    references: Sequence[Sequence[float]]
    cpu: float | None = None
    waited: Sequence[float] = ()

    @property
    def samples(self) -> list[float]:
        """Of both executions, side by side."""
        return [seconds for both in zip(self.old, self.new, strict=True) for seconds in both]

    @property
    def unhindered(self) -> list[float]:
        """The same without what they waited."""
        waited = self.waited or [0.0] * (2 * len(self.old))
        return [max(seconds - waiting, 0.0) for seconds, waiting in zip(self.samples, waited, strict=True)]

    @property
    def figure(self) -> float:
        """As ``latency.baseline`` has it, from one connection in place of four."""
        return ratio([max(seconds, SHORTEST) for seconds in self.unhindered[::2]], self.references)

    def slower(self, share: float) -> Trial:
        """With every execution of the statement slower by a share, and waiting as long."""
        slower = [seconds + share * own for seconds, own in zip(self.samples, self.unhindered, strict=True)]
        return replace(self, old=slower[::2], new=slower[1::2])


def trials_of(connected: Connected, order: Random) -> dict[str, Trial]:
    """Rounds of the statements of ``connected``, everything in each, in shuffled order. Errors of a pair pass."""
    keys = [*connected.pairs]
    pairs: list[Pair] = [*connected.pairs.values(), connected.control, *connected.references]
    taken: list[list[tuple[float, float]]] = [[] for _ in pairs]
    places = list(range(len(pairs)))
    with no_garbage_collection():
        warm_up(pairs, lambda: True)
        for number in range(ROUNDS):
            order.shuffle(places)
            for place in places:
                taken[place].append(_executed(pairs[place], number, once=place > len(keys)))
    control, references = (
        taken[len(keys)],
        [[max(seconds, SHORTEST) for seconds, _ in one] for one in taken[len(keys) + 1 :]],
    )
    return {key: _trial(sides, control, references) for key, sides in zip(keys, taken, strict=False)}


def _trial(
    sides: Sequence[tuple[float, float]], control: Sequence[tuple[float, float]], references: Sequence[Sequence[float]]
) -> Trial:
    old, new = zip(*sides, strict=True)
    return Trial(old, new, control, references)


def _executed(pair: Pair, number: int, *, once: bool) -> tuple[float, float]:
    """Both sides in the order of the round; of a reference one is enough."""
    return (pair.new(), 0.0) if once else turn(pair, number)
