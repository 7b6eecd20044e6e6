"""Durations of one kind, in bounded memory."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

KEPT = 10_000


class Samples:
    """The first 10,000 values exactly; of more, a uniform sample of that size (Vitter's algorithm R).

    Not thread-safe: its owner holds a lock.
    """

    __slots__ = ("_random", "_values", "n")

    def __init__(self) -> None:
        self.n = 0
        self._values: list[float] = []
        self._random: random.Random | None = None

    def add(self, value: float) -> None:
        """One more value."""
        self.n += 1
        if self.n <= KEPT:
            self._values.append(value)
            return
        if self._random is None:
            self._random = random.Random(self.n)  # noqa: S311  (a sample, no secret)
        place = self._random.randrange(self.n)
        if place < KEPT:
            self._values[place] = value

    def kept(self) -> tuple[float, ...]:
        """The values that are kept, in order."""
        return tuple(sorted(self._values))


def percentile(ordered: Sequence[float], q: float) -> float | None:
    """The smallest value that at least the share ``q`` of them does not exceed; None where there is none."""
    return ordered[max(math.ceil(round(q * len(ordered), 9)) - 1, 0)] if ordered else None
