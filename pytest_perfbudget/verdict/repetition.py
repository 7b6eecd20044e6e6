"""Which statement's rows a repeated statement was sent for.

What the application did with the rows is not seen, so the parent is told by counting. Candidates are the other
statements, each from one line, that were first sent before the first repetition, in fewer executions (what runs as
often is another part of the same loop), with the rows they had fetched by the last repetition. The parent is the
nearest with exactly as many rows as there are repetitions; else the nearest with more, some of which needed no
statement (equal keys, a mapper that had the object already). With fewer rows none can be it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from pytest_perfbudget.model import Origin, Site, Statement
from pytest_perfbudget.model.repetition import Parent, Repetition
from pytest_perfbudget.statements import one_line
from pytest_perfbudget.verdict.counts import Group

MOST = 20
"""Queries of a test whose repetitions are looked into, the most repeated first."""


@dataclass(slots=True)
class _Line:
    """Executions of one query from one line: their numbers within the test, in order, and their rows."""

    query: Group
    sql: str
    site: Site | None
    origin: Origin | None
    numbers: list[int] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    summed: list[int] = field(default_factory=list)

    def until(self, number: int) -> tuple[int, int]:
        """Executions before ``number`` and the rows they fetched."""
        calls = bisect_left(self.numbers, number)
        return calls, self.summed[calls - 1] if calls else 0


def repetitions(groups: Mapping[Group, Sequence[tuple[int, Statement]]]) -> dict[Group, Repetition]:
    """The repetition of each query that has one; executions come with their numbers within the test."""
    lines = {group: _lines(group, executions) for group, executions in groups.items()}
    every = [line for found in lines.values() for line in found]
    most = (max(found, key=lambda line: len(line.numbers)) for found in lines.values())
    repeated = sorted((line for line in most if len(line.numbers) > 1), key=lambda line: -len(line.numbers))
    return {line.query: _repetition(line, every) for line in repeated[:MOST]}


def _lines(query: Group, executions: Iterable[tuple[int, Statement]]) -> list[_Line]:
    found: dict[Site | None, _Line] = {}
    for number, statement in executions:
        site = statement.site
        line = found.get(site) or found.setdefault(site, _Line(query, statement.sql, site, statement.origin))
        line.numbers.append(number)
        line.rows.append(statement.rows)
    for line in found.values():
        line.summed = list(accumulate(line.rows))
    return list(found.values())


def _repetition(line: _Line, every: Iterable[_Line]) -> Repetition:
    n, first, last = len(line.numbers), line.numbers[0], line.numbers[-1]
    best: tuple[bool, int] = (False, -1)
    parent = None
    for other in every:
        began = other.numbers[0]
        if other.query == line.query or began > first:
            continue
        calls, rows = other.until(last)
        if calls < n <= rows and (rows == n, began) > best:
            best = (rows == n, began)
            parent = Parent(_key(other.query), one_line(other.sql), other.site, calls, rows)
    return Repetition(n, line.site, parent, line.origin)


def _key(query: Group) -> str:
    identity, case = query
    return f"{identity}:{case}" if case else identity
