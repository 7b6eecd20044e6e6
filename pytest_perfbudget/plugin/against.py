"""``--perf-against`` and ``growth``: how this pytest was called, and which of its tests are run in another process."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pytest_perfbudget.errors import PerfbudgetError
from pytest_perfbudget.session.against.invocation import Invocation, without_paths

if TYPE_CHECKING:
    import pytest

    from pytest_perfbudget.budgets.budget import Budget
    from pytest_perfbudget.plugin.marker import Marked
    from pytest_perfbudget.session.promises import Promises

_QUIET = {
    "xdist": "-n0",
    "_cov": "--no-cov",
    "randomly": "--randomly-dont-reorganize",
    "logging": f"--log-file={os.devnull}",
    "benchmark": "--benchmark-disable",
}
"""Other plugins, by the names they register under, and the option that keeps each from the reference's run, or its
files from ours."""
_NOT_WITH = {"benchmark": "benchmark_only"}
"""Options that do not go together with those."""


def invocation(config: pytest.Config, arguments: Mapping[str, Any], exported: tuple[str, ...]) -> Invocation:
    """A worker of xdist was told the command line of its controller."""
    worker: Mapping[str, Any] = getattr(config, "workerinput", {})
    called = worker["mainargv"][1:] if "mainargv" in worker else config.invocation_params.args
    given = [str(argument) for argument in called]
    return Invocation(
        arguments=without_paths(given, [str(path) for path in arguments.get("file_or_dir") or ()]),
        quiet=("--maxfail=0", *_quiet(config, arguments)),
        root=config.rootpath,
        inifile=config.inipath,
        folder=config.invocation_params.dir,
        path=tuple(sys.path),
        exported=exported,
        caches=_there(config, "cacheprovider"),
    )


def _quiet(config: pytest.Config, arguments: Mapping[str, Any]) -> Iterator[str]:
    for name, option in _QUIET.items():
        if _there(config, name) and not arguments.get(_NOT_WITH.get(name, "")):
            yield option


def _there(config: pytest.Config, name: str) -> bool:
    return bool(config.pluginmanager.hasplugin(name) or config.pluginmanager.hasplugin(f"pytest_{name.lstrip('_')}"))


def asking(marks: Mapping[Any, Marked], promises: Promises, asks: Callable[[Budget], bool]) -> dict[str, str]:
    """The tests whose budget asks for it, with what it captures of each."""
    return {test: budget.capture for test, budget in _budgets(marks, promises) if asks(budget)}


def captured(marks: Mapping[Any, Marked], promises: Promises) -> dict[str, str]:
    """All tests that have a budget, likewise."""
    return {test: budget.capture for test, budget in _budgets(marks, promises)}


def _budgets(marks: Mapping[Any, Marked], promises: Promises) -> Iterator[tuple[str, Budget]]:
    for mark in marks.values():
        with suppress(PerfbudgetError):  # the test itself says it
            yield mark.test, mark.budget(promises)
