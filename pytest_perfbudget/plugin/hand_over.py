"""In the process of the reference: the tests that were asked for run, watched, and their statements are handed over."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from pytest_perfbudget.plugin.against import captured
from pytest_perfbudget.plugin.benchmark import one_call
from pytest_perfbudget.plugin.lifecycle import Lifecycle, as_failure
from pytest_perfbudget.plugin.marker import Marked
from pytest_perfbudget.session.against.giving import Giver, answer

if TYPE_CHECKING:
    from pytest_perfbudget.plugin.state import State
    from pytest_perfbudget.session.against.parcel import Order

_LINES = 6  # of a failure that are handed over


class HandOver(Lifecycle):
    """Takes the lifecycle's place; nothing is judged."""

    def __init__(self, state: State, marks: Mapping[pytest.Item, Marked], order: Order, descriptor: int) -> None:
        captures = captured(marks, state.promises) if order.tests is None else order.tests
        self._marks = {item: mark for item, mark in marks.items() if mark.test in captures}
        self._descriptor, self._hub = descriptor, state.place.hub
        self._examiner: Any = Giver(state.place, order, captures)

    @pytest.hookimpl
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        if mark := self._marks.get(item):
            with as_failure():
                self._examiner.prepare(mark.test)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, Any, Any]:
        mark = self._marks.get(item)
        if mark is None:
            return (yield)
        with self._examiner.watching(), one_call(item, self._hub):
            returned = yield
        with as_failure():
            self._examiner.take(mark.test, mark.name)
        return returned

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: Any) -> Generator[None, Any, Any]:
        report = yield
        mark = self._marks.get(item)
        if mark and report.outcome != "passed":
            self._examiner.failed(mark.test, mark.name, _why(report, call))
        return report

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, Any, Any]:
        returned = yield
        answer(self._descriptor, self._examiner.given())
        return returned


def _why(report: pytest.TestReport, call: Any) -> str:
    """``fails: assert 20 == 19``, and the last lines of its report."""
    lines = report.longreprtext.strip().splitlines() if report.failed else []
    said = str(call.excinfo.value).strip().splitlines() if call.excinfo else []
    what = "fails" if report.failed else "is skipped"
    return "\n".join([f"{what}: {(said or lines or ['no reason given'])[0]}", *lines[-_LINES:]])
