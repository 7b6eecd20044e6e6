"""A statement as the reference and as the head execute it, and what both are compared with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any, Protocol

from pytest_perfbudget.capture.libpq import checked
from pytest_perfbudget.capture.replay import Replay
from pytest_perfbudget.measure.calibration import REFERENCES
from pytest_perfbudget.measure.rounds import Connected
from pytest_perfbudget.model import Statement

if TYPE_CHECKING:
    import psycopg

CONTROL = "select count(*) from generate_series(1, 2500) i where i % 7 > 2"
"""The null pair: it never changes, so that what it shows is the machine. About 0.2 ms, as it runs in every round."""


@dataclass(frozen=True, slots=True)
class Sides:
    """``old`` is the reference's last execution, ``new`` the head's. ``taken`` gets the seconds of either side,
    ``counted`` those of rounds, without warming up."""

    old: Statement
    new: Statement
    writes: bool = False
    taken: tuple[list[float], list[float]] = field(default_factory=lambda: ([], []))
    counted: tuple[list[float], list[float]] = field(default_factory=lambda: ([], []))

    @property
    def p50(self) -> tuple[float, float]:
        """The median seconds of either side in rounds; of all executions where the cap came before a round."""
        old, new = (median(counted or taken or [0.0]) for counted, taken in zip(self.counted, self.taken, strict=True))
        return old, new


class Layout(Protocol):
    """Where both sides are executed. ``name`` is for the report."""

    @property
    def name(self) -> str: ...

    def connect(self) -> Any:
        """A context manager of the two :class:`End`, on new connections."""


@dataclass(frozen=True, slots=True)
class End:
    """Where one side is executed; ``path`` is the schema that is switched to before each execution, if any."""

    connection: psycopg.Connection[Any]
    path: bytes = b""

    def executing(self, statement: Statement, *, undo: bool = False, taken: list[float] | None = None) -> Execute:
        return Execute(self, Replay(self.connection, statement), undo, taken)


@dataclass(slots=True)
class Execute:
    """Executes one statement at each call: seconds from execute to the last row."""

    end: End
    replay: Replay
    undo: bool
    taken: list[float] | None

    def __call__(self) -> float:
        """
        Raises:
            psycopg.Error: the statement failed.
        """
        if self.end.path:
            checked(self.end.connection.pgconn.exec_(self.end.path))
        seconds = self._undone() if self.undo else self.replay()
        if self.taken is not None:
            self.taken.append(seconds)
        return seconds

    def _undone(self) -> float:
        with self.end.connection.transaction(force_rollback=True):
            return self.replay()


@dataclass(frozen=True, slots=True)
class Alternating:
    """Both sides of one statement."""

    old: Execute
    new: Execute


@contextmanager
def connected(layout: Layout, sides: Mapping[str, Sides]) -> Iterator[Connected]:
    """The pairs of ``sides`` on new connections, the null pair and the reference queries beside them."""
    with layout.connect() as ends:
        yield beside(ends, sides)


def beside(ends: tuple[End, End], sides: Mapping[str, Sides]) -> Connected:
    """The same on connections that are there."""
    old, new = ends
    pairs = {key: _pair(old, new, one) for key, one in sides.items()}
    own = [_own(old, new, sql) for sql in (CONTROL, *REFERENCES)]

    def counted(key: str, seconds: tuple[float, float]) -> None:
        for kept, one in zip(sides[key].counted, seconds, strict=True):
            kept.append(one)

    return Connected(pairs, own[0], own[1:], counted)


def _pair(old: End, new: End, sides: Sides) -> Alternating:
    return Alternating(
        old.executing(sides.old, undo=sides.writes, taken=sides.taken[0]),
        new.executing(sides.new, undo=sides.writes, taken=sides.taken[1]),
    )


def _own(old: End, new: End, sql: str) -> Alternating:
    return Alternating(old.executing(Statement(sql)), new.executing(Statement(sql)))


def refused(layout: Layout, sides: Mapping[str, Sides], sides_named: Sequence[str]) -> dict[str, str]:
    """Each statement executed once on either side, before anything is timed: why some cannot be, by their keys."""
    import psycopg

    why: dict[str, str] = {}
    with layout.connect() as (old, new):
        for key, one in sides.items():
            for end, statement, name in ((old, one.old, sides_named[0]), (new, one.new, sides_named[1])):
                try:
                    end.executing(statement, undo=True)()
                except psycopg.Error as error:
                    why.setdefault(key, f"it could not be executed again {name}: {str(error).splitlines()[0]}")
    return why
