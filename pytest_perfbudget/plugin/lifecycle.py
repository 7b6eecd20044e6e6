"""A marked test, phase by phase. Registered only in a run that has one."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from pytest_perfbudget.errors import BudgetError, PerfbudgetError
from pytest_perfbudget.model import TestResult
from pytest_perfbudget.plugin.benchmark import benchmarked, benchmarks, one_call, tell
from pytest_perfbudget.plugin.marker import Marked
from pytest_perfbudget.session.examine import Examiner
from pytest_perfbudget.session.wire import encode

if TYPE_CHECKING:
    from pytest_perfbudget.plugin.state import State
    from pytest_perfbudget.session.promises import Promises

RESULT = pytest.StashKey[TestResult | None]()


class Lifecycle:
    """Sees every marked test from before its fixtures to its report."""

    def __init__(self, state: State, marks: Mapping[pytest.Item, Marked]) -> None:
        self._state, self._marks = state, marks
        reference, scales = state.reference(marks), state.scales(marks)
        self._examiner = Examiner(state.place, state.promises, state.options, state.parts, reference, scales)

    @pytest.hookimpl
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """After ``skip``, before the fixtures; no wrapper: a failure before others' wrappers breaks their teardown."""
        if mark := self._marks.get(item):
            item.stash[RESULT] = None  # a test that is run again has one of its earlier run
            with as_failure():
                self._examiner.prepare(mark.test, mark.budget(self._state.promises))

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Generator[None, Any, Any]:
        if fixturedef.scope == "function" and not fixturedef.func.__module__.startswith("pytest_perfbudget."):
            return (yield)
        with self._examiner.of_nobody():
            return (yield)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, Any, Any]:
        mark = self._marks.get(item)
        if mark is None:
            return (yield)
        with self._examiner.watching(benchmarks=benchmarks(item)), one_call(item, self._state.place.hub):
            returned = yield
        with as_failure():
            result, text = self._examiner.examine(mark.at, benchmarked(item))
        tell(item, result)
        item.stash[RESULT] = result
        item.user_properties.extend(self._examiner.properties(result))
        if text:
            pytest.fail(text, pytrace=False)
        return returned

    @pytest.hookimpl
    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        if item in self._marks:
            self._examiner.release()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: Any) -> Generator[None, Any, Any]:
        report = yield
        if mark := self._marks.get(item):
            result = item.stash.get(RESULT, None) if call.when == "call" else None
            report.perfbudget = {"test": mark.test, "budget": mark.name, "result": encode(result) if result else None}
        return report


class Beside:
    """In a worker whose run looks at the clock: while a test runs nobody measures, and the other way round."""

    def __init__(self, state: State) -> None:
        self._alone = state.place.alone

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self) -> Generator[None, Any, Any]:
        with self._alone.among_others():
            return (yield)


def timed(marks: Iterable[Marked], promises: Promises) -> bool:
    """Whether any test has a budget that needs quiet. One that cannot be read will say so itself."""
    for mark in marks:
        with suppress(BudgetError):
            if mark.budget(promises).timed:
                return True
    return False


class as_failure:  # noqa: N801
    """What a user can mend fails the test with its own words, without a traceback of ours."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, PerfbudgetError):
            raise pytest.fail.Exception(f"perfbudget  {error}", pytrace=False) from None
