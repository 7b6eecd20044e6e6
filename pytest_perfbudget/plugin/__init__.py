"""pytest's door. Hooks only, a few lines each; what they call is imported when a run really uses the plugin."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import pytest

from pytest_perfbudget.plugin import builtin, hookspecs, options
from pytest_perfbudget.plugin.fixtures import perf, perf_db, perf_pg
from pytest_perfbudget.plugin.state import State

__all__ = ["perf", "perf_db", "perf_pg"]

MARKER = "perf_budget(name=None, **keys): hold the test's statements to a budget: its name in a TOML file, or its keys."


def pytest_addoption(parser: pytest.Parser) -> None:
    options.add(parser)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    pluginmanager.add_hookspecs(hookspecs)
    pluginmanager.register(builtin, "pytest_perfbudget.builtin")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    State.of(early_config).export_dsn()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", MARKER)
    State.of(config).configure()


def pytest_sessionstart(session: pytest.Session) -> None:
    State.of(session.config).check_early()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: Sequence[pytest.Item]) -> None:
    State.of(config).collected(items)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, Any, Any]:
    result = yield
    State.of(session.config).finish(session)
    return result


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    State.of(config).summarise(terminalreporter)
