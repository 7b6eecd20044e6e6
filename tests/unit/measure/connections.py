"""Connections whose calls take what they are told, by a clock of their own."""

from __future__ import annotations

from collections.abc import Callable


class Connections:
    """Each executes calls that take ``wall`` seconds, and as much of another measure as its figure says."""

    def __init__(self, *figures: float | Callable[[], float], wall: float = 0.01) -> None:
        self.figures, self.wall, self.now, self.opened = figures, wall, 0.0, 0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def fresh(self) -> Callable[..., float]:
        figure = self.figures[min(self.opened, len(self.figures) - 1)]
        self.opened += 1

        def execute(number: int = 1) -> float:
            self.now += number * self.wall
            return sum(figure() if callable(figure) else figure for _ in range(number))

        return execute
