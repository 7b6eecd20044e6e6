"""Where one connection cannot serve both sides: fresh pairs of connections, each side divided by reference queries.

Two backends of one server differ by themselves, for as long as they live: rounds on one pair tell more and more surely
how these two differ. So a round is a pair of its own here, and what it gives for either side is the statement's time in
units of the reference queries of the same backend.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from random import Random

from pytest_perfbudget.measure.paired import FRESH_PAIRS, Comparison, Look
from pytest_perfbudget.measure.quiet import no_garbage_collection
from pytest_perfbudget.measure.regression import Measure
from pytest_perfbudget.measure.rounds import CAP, Connected, turn, warm_up
from pytest_perfbudget.measure.sampling import WARM_UP_SHARE, Cap
from pytest_perfbudget.measure.stored import ratio

ROUNDS = 10
"""Executions of either side on each pair of connections, after warming up."""


def over_fresh_pairs(
    fresh: Callable[[frozenset[str]], AbstractContextManager[Connected]],
    clock: Callable[[], float],
    order: Random,
    cap: float = CAP,
    ends: float = math.inf,
) -> Measure:
    """``fresh`` opens two new connections, one for either side, for the statements of these keys; it must give
    reference queries besides the null pair. No round begins ``cap`` seconds for each statement after the first pair was
    opened, nor when the clock is at ``ends``; warming up takes a share of what is left. The rounds there was time for
    on the last pair count.
    """

    def measure(regress: Mapping[str, float]) -> dict[str, Look]:
        comparisons = {key: Comparison(regress[key], FRESH_PAIRS) for key in regress}
        started = clock()
        allowed = Cap.of(cap * max(len(regress), 1)).within(ends - started)
        over = started + allowed.seconds
        with no_garbage_collection():
            while clock() < over:
                waiting = frozenset(key for key, one in comparisons.items() if one.open)
                if not waiting:
                    break
                with fresh(waiting) as connected:
                    rounds = _rounds(connected, clock, order, over)
                if not rounds[0]:  # the cap came while it warmed up
                    break
                figures, null = _figures(connected, rounds)
                for key, (old, new) in figures.items():
                    comparisons[key].add(old, new, null)
                    comparisons[key].look()
        return {key: one.stop(f"{allowed.words} reached") for key, one in comparisons.items()}

    return measure


def _rounds(
    connected: Connected, clock: Callable[[], float], order: Random, ends: float
) -> list[list[tuple[float, float]]]:
    """The seconds of both sides in each round, for each statement, the null pair, and each reference."""
    pairs = [*connected.pairs.values(), connected.control, *connected.references]
    warm = clock() + (ends - clock()) * WARM_UP_SHARE
    warm_up(pairs, lambda: clock() < warm)
    taken: list[list[tuple[float, float]]] = [[] for _ in pairs]
    places = list(range(len(pairs)))
    for number in range(ROUNDS):
        if clock() >= ends:
            break
        order.shuffle(places)
        for place in places:
            taken[place].append(turn(pairs[place], number))
    return taken


def _figures(
    connected: Connected, rounds: Sequence[Sequence[tuple[float, float]]]
) -> tuple[dict[str, tuple[float, float]], tuple[float, float]]:
    """Either side of each statement, and of the null pair, in units of the references."""
    for key, taken in zip(connected.pairs, rounds, strict=False):
        for seconds in taken:
            connected.counted(key, seconds)
    references = rounds[len(connected.pairs) + 1 :]
    figures = [_divided(one, references) for one in rounds[: len(connected.pairs) + 1]]
    return dict(zip(connected.pairs, figures[:-1], strict=True)), figures[-1]


def _divided(
    taken: Sequence[tuple[float, float]], references: Sequence[Sequence[tuple[float, float]]]
) -> tuple[float, float]:
    old, new = zip(*taken, strict=True)
    olds, news = ([[one[side] for one in reference] for reference in references] for side in (0, 1))
    return ratio(old, olds), ratio(new, news)
