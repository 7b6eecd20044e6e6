"""``queries.*``: what was sent, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from pytest_perfbudget.model import Statement
from pytest_perfbudget.statements import identity

Group = tuple[str, str | None]
"""What tells one query of a test from another: the identity of its statement, and the case."""


def grouped(statements: Iterable[Statement]) -> dict[Group, list[tuple[int, Statement]]]:
    """The executions of each query, with their numbers in the order they began; queries in that of their first."""
    groups: dict[Group, list[tuple[int, Statement]]] = {}
    known: dict[str, str] = {}
    for number, statement in enumerate(statements):
        sql = statement.sql
        key = known.get(sql) or known.setdefault(sql, identity(sql))
        groups.setdefault((key, statement.case), []).append((number, statement))
    return groups


def counted(statements: Iterable[Statement]) -> dict[str, float]:
    """The figures of statements that are not grouped yet."""
    return counts([[one for _, one in group] for group in grouped(statements).values()])


def repeated(executions: Iterable[Statement]) -> int:
    """How often one call site executed this statement: the N of N+1."""
    return max(Counter(statement.site for statement in executions).values(), default=0)


def counts(groups: Iterable[Sequence[Statement]]) -> dict[str, float]:
    """The figures of the whole, by the names of the keys that bound them."""
    groups = tuple(groups)
    executions = [statement for group in groups for statement in group]
    return {
        "queries.max": float(len(executions)),
        "queries.distinct": float(len(groups)),
        "queries.repeated": float(max((repeated(group) for group in groups), default=0)),
        "queries.round_trips": float(sum(statement.round_trips for statement in executions)),
        "queries.rows": float(sum(statement.rows for statement in executions)),
    }
