"""The plans of a query's executions, one after the other: all at once would take more memory than their statements."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_perfbudget.model import QueryEvidence
from pytest_perfbudget.plans.node import Plan
from pytest_perfbudget.plans.recent import parsed


class Executed:
    """May be gone through as often as one likes."""

    def __init__(self, query: QueryEvidence) -> None:
        self._query = query

    def __iter__(self) -> Iterator[Plan]:
        return (parsed(document) for statement in self._query.executions for document in statement.plans)
