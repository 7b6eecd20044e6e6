"""One statement sent again and again from one line: N+1, and what the N are the rows of."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_perfbudget.sites import Site


@dataclass(frozen=True, slots=True)
class Origin:
    """The relationship of a mapper that a statement loads (``Order.lines``), and the option of its loader that loads
    it with its parents instead: ``selectinload(Order.lines)``, ``prefetch_related("lines")``."""

    relationship: str
    option: str


@dataclass(frozen=True, slots=True)
class Parent:
    """The statement whose ``rows`` the repetition went through, fetched by ``calls`` executions of it from one line."""

    query: str
    sql: str
    site: Site | None
    calls: int
    rows: int


@dataclass(frozen=True, slots=True)
class Repetition:
    """``n`` executions of one statement from one line. ``parent`` is None where no statement before them had as many
    rows; ``origin`` where no mapper sent them."""

    n: int
    site: Site | None
    parent: Parent | None = None
    origin: Origin | None = None
