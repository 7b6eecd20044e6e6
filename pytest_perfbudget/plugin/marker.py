"""``@pytest.mark.perf_budget``: from the marker on a test to the budget it means."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_perfbudget.errors import At, BudgetError
from pytest_perfbudget.plugin import NAME

if TYPE_CHECKING:
    from pytest_perfbudget.budgets.budget import Budget
    from pytest_perfbudget.session.promises import Promises


@dataclass(frozen=True, slots=True)
class Marked:
    """A test that carries the marker. ``test`` is its node id, what baselines call it."""

    test: str
    at: At
    args: tuple[Any, ...]
    keys: dict[str, Any]

    @property
    def name(self) -> str:
        """The budget's name; a budget written in the marker is named after the test's module."""
        if self.args:
            return str(self.args[0])
        return "inline." + Path(self.test.partition("::")[0]).stem

    def budget(self, promises: Promises) -> Budget:
        """The budget the marker means.

        Raises:
            BudgetError: no name and no keys, both, or what is named or written cannot be used.
        """
        if len(self.args) > 1 or bool(self.args) == bool(self.keys) or not all(isinstance(a, str) for a in self.args):
            raise BudgetError(
                "perf_budget takes the name of a budget, or the keys of one",
                at=self.at,
                remedy='perf_budget("orders.recent")\nperf_budget(work={"buffers": 40}, queries={"max": 3})',
            )
        if self.args:
            return promises.named(self.name, self.at)
        return promises.inline(self.keys, self.name, self.at)


def marked(item: pytest.Item) -> Marked:
    """The closest marker of a test that has one."""
    mark = item.get_closest_marker(NAME)
    assert mark is not None
    path, line, _ = item.location
    return Marked(_test_id(item), At(path, _first_line(item, line)), mark.args, dict(mark.kwargs))


def _test_id(item: pytest.Item) -> str:
    """The node id without what ``--dist loadgroup`` appends."""
    group = item.get_closest_marker("xdist_group")
    head, at, tail = item.nodeid.rpartition("@")
    return head if group and at and "]" not in tail and "/" not in tail else item.nodeid


def _first_line(item: pytest.Item, line: int | None) -> int:
    """The line of ``def``, beneath the decorators that ``item.location`` points at."""
    function = getattr(item, "function", None)
    try:
        source, start = inspect.getsourcelines(function) if function else ([], 0)
    except (OSError, TypeError):
        source, start = [], 0
    for offset, text in enumerate(source):
        if text.lstrip().startswith(("def ", "async def ")):
            return start + offset
    return (line or 0) + 1
