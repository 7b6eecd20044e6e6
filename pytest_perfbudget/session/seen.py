"""What ``perf.capture()`` gives: the statements of a part of a test, counted as budgets count them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pytest_perfbudget.capture.record import Call, statements
from pytest_perfbudget.model import Statement
from pytest_perfbudget.statements import one_line
from pytest_perfbudget.units import format_count
from pytest_perfbudget.verdict.counts import counted

MOST = 20
"""Statements that are written out."""


class Seen:
    """Statements of every thread and task, from when the block began until it ended, or until now while it runs.

    The plan of a transaction's last statement comes when the transaction goes on or ends. ``peak_memory`` is there
    when a block ``perf.capture(memory=True)`` has ended: bytes of Python objects at their peak, and those of the
    largest result that was loaded whole, which libpq keeps outside of Python.
    """

    def __init__(self, calls: list[Call], collect: Callable[[], None]) -> None:
        self._calls, self._collect = calls, collect
        self.peak_memory: int | None = None

    @property
    def statements(self) -> tuple[Statement, ...]:
        """In the order their execution began; those of other processes after them, in the order they ended."""
        self._collect()
        return tuple(statements(list(self._calls)))

    @property
    def distinct(self) -> int:
        """Different statements, literals aside: ``queries.distinct``."""
        return self._counted("distinct")

    @property
    def repeated(self) -> int:
        """The most executions of one statement from one line: ``queries.repeated``."""
        return self._counted("repeated")

    @property
    def rows(self) -> int:
        """Rows fetched: ``queries.rows``."""
        return self._counted("rows")

    @property
    def round_trips(self) -> int:
        """Turns on the network: ``queries.round_trips``."""
        return self._counted("round_trips")

    def __len__(self) -> int:
        return len(self.statements)

    def __iter__(self) -> Iterator[Statement]:
        return iter(self.statements)

    def __bool__(self) -> bool:
        """A block is there, whether or not it sent anything."""
        return True

    def __repr__(self) -> str:
        found = self.statements
        figures = counted(found)
        words = ("statements", "distinct", "repeated", "round trips", "rows")
        head = ", ".join(f"{format_count(figure)} {word}" for word, figure in zip(words, figures.values(), strict=True))
        lines = [f"{n}  {one_line(one.sql, 100)}   {one.site or ''}".rstrip() for n, one in enumerate(found[:MOST], 1)]
        more = [f"and {format_count(len(found) - MOST)} more"] if len(found) > MOST else []
        return "\n  ".join([head, *lines, *more])

    def _counted(self, name: str) -> int:
        return int(counted(self.statements)[f"queries.{name}"])
