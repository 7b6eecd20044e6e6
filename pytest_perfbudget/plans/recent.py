"""Results remembered for the objects they were made of: a test may have one plan a hundred thousand times."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from pytest_perfbudget.plans.node import Plan
from pytest_perfbudget.plans.parse import parse

MOST = 1024
"""Results that are kept; then they are all forgotten, which is simpler than the oldest and as good in a series."""

Made = TypeVar("Made")


class Recent(Generic[Made]):
    """``make`` with its recent results, told by the identity of the document they are of."""

    def __init__(self, make: Callable[[dict[str, Any]], Made]) -> None:
        self._make = make
        self._known: dict[int, tuple[dict[str, Any], Made]] = {}

    def __call__(self, document: dict[str, Any]) -> Made:
        known = self._known.get(id(document))
        if known is not None:
            return known[1]
        if len(self._known) >= MOST:
            self._known.clear()
        made = self._make(document)
        self._known[id(document)] = document, made
        return made


def _parse(document: dict[str, Any]) -> Plan:
    return parse(document)


parsed = Recent(_parse)
"""``parse`` of documents that are shared and not changed."""
