"""Which part this process has in a run of pytest-xdist.

The environment does not say: a pytest that a test starts inherits the variables of the worker it runs in.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pytest_perfbudget.plugin.state import State

VARIABLES = ("PYTEST_XDIST_TESTRUNUID", "PYTEST_XDIST_WORKER")


def is_worker(config: pytest.Config) -> bool:
    """Whether ``config`` is that of a worker. Before its conftests are loaded a worker has no ``workerinput`` yet: then
    the nearest caller of pytest's ``_prepareconfig`` tells (xdist 3.8, ``remote.py``)."""
    return hasattr(config, "workerinput") or _prepared_by_xdist()


def distributes(config: pytest.Config, arguments: Mapping[str, Any]) -> bool:
    """Whether this process hands its tests to workers."""
    return bool(arguments.get("numprocesses") or arguments.get("tx")) and not is_worker(config)


class Listener:
    """In a controller whose project does not speak of us: the first report of a marked test makes it ours."""

    def __init__(self, config: pytest.Config, state_of: Any) -> None:
        self._config, self._state_of = config, state_of

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if getattr(report, "perfbudget", None):
            self._config.pluginmanager.unregister(self)
            state: State = self._state_of(self._config)
            state.control().pytest_runtest_logreport(report)


def _prepared_by_xdist() -> bool:
    frame = sys._getframe()
    while frame.f_back is not None:
        frame, called = frame.f_back, frame.f_code.co_name
        if called == "_prepareconfig":
            return frame.f_globals.get("__name__") == "__channelexec__"
    return False
