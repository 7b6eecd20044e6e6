"""pytest's door. Hooks only, a few lines each.

A run that does not use the plugin imports nothing else of it: every module costs such a run about a millisecond. So the
state is made only for a project or a command line that speaks of us, or for a test that carries the marker.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

from pytest_perfbudget.plugin import hookspecs, options
from pytest_perfbudget.plugin.fixtures import (
    perf,
    perf_acache,
    perf_apool,
    perf_cache,
    perf_db,
    perf_pg,
    perf_pgbouncer,
    perf_pool,
    perf_redis,
    perf_replica,
)

if TYPE_CHECKING:
    from pytest_perfbudget.plugin.state import State

__all__ = [
    "perf",
    "perf_acache",
    "perf_apool",
    "perf_cache",
    "perf_db",
    "perf_pg",
    "perf_pgbouncer",
    "perf_pool",
    "perf_redis",
    "perf_replica",
]

NAME = "perf_budget"
MARKER = f"{NAME}(name=None, **keys): hold the test's statements to a budget: its name in a TOML file, or its keys."
STATE = pytest.StashKey["State"]()
DESELECTED = "perfbudget_deselected"
"""In a worker's output: tests were deselected there, of which the controller hears nothing else."""
LEFT_OUT = pytest.StashKey[bool]()
"""Whether marked tests that were collected here will not run."""


def state_of(config: pytest.Config) -> State:
    """What the plugin knows of this process."""
    if STATE not in config.stash:
        from pytest_perfbudget.plugin.state import State

        config.stash[STATE] = State(config)
    return config.stash[STATE]


def configured(config: pytest.Config) -> bool:
    """Whether this project or this command line speaks of us at all."""
    given = vars(config.option) | vars(config.known_args_namespace)
    if any(given.get(option.dest) for option in (*options.OPTIONS, options.HAND_OVER)):
        return True
    try:
        return b"tool.perfbudget" in (config.rootpath / "pyproject.toml").read_bytes()
    except OSError:
        return False


def listen(config: pytest.Config) -> None:
    """The controller of an xdist run has no marked tests, only reports of them."""
    from pytest_perfbudget.plugin.xdist import Listener, is_worker

    if not is_worker(config):
        config.pluginmanager.register(Listener(config, state_of), "pytest_perfbudget.listener")


def pytest_addoption(parser: pytest.Parser) -> None:
    options.add(parser)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    pluginmanager.add_hookspecs(hookspecs)


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, None, None]:
    """A wrapper, as pytest-django reads Django's settings here, and some versions of it first of all."""
    if configured(early_config):
        state_of(early_config).export_dsn()
    return (yield)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", MARKER)
    if configured(config):
        state_of(config).configure()
    elif vars(config.option).get("numprocesses") or vars(config.option).get("tx"):
        listen(config)


def pytest_report_header(config: pytest.Config) -> list[str]:
    return state_of(config).header() if configured(config) else []


def pytest_sessionstart(session: pytest.Session) -> None:
    if STATE in session.config.stash:
        session.config.stash[STATE].check_early()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Generator[None, Any, Any]:
    """Around all others: not each of them that takes tests out says so."""
    before = list(items)
    result = yield
    kept = set(map(id, items))
    _left_out([item for item in before if id(item) not in kept])
    _collected(config, items)
    return result


def pytest_deselected(items: list[Any]) -> None:
    """Some that say so never collected them: what they give has no markers."""
    _left_out(items)


def _left_out(items: list[Any]) -> None:
    for item in items:
        config = getattr(item, "config", None)  # an item that was never collected may have none
        if config and (not hasattr(item, "get_closest_marker") or item.get_closest_marker(NAME)):
            config.stash[LEFT_OUT] = True
            getattr(config, "workeroutput", {})[DESELECTED] = True
            return


def _collected(config: pytest.Config, items: list[pytest.Item]) -> None:
    found = [item for item in items if item.get_closest_marker(NAME)]
    if config.getoption(options.HAND_OVER.dest):
        items[:] = state_of(config).hand_over(found)
    elif found:
        state_of(config).collected(found)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, Any, Any]:
    result = yield
    if STATE in session.config.stash:
        session.config.stash[STATE].finish(session)
    return result


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if STATE in config.stash:
        config.stash[STATE].summarise(terminalreporter)
