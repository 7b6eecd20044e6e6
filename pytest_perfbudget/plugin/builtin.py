"""The built-in parts, registered through the same hooks as everybody else's, imported only when those are called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_perfbudget.capture.driver import Driver
    from pytest_perfbudget.postgres.seeders import Seeder
    from pytest_perfbudget.postgres.server import ServerKind
    from pytest_perfbudget.report.reporter import Reporter
    from pytest_perfbudget.rules.base import Rule


@pytest.hookimpl(trylast=True)
def pytest_perfbudget_servers() -> Sequence[ServerKind]:
    from pytest_perfbudget.postgres import BUILTIN

    return BUILTIN


@pytest.hookimpl(trylast=True)
def pytest_perfbudget_seeders() -> Sequence[Seeder]:
    from pytest_perfbudget.postgres.seeders import BUILTIN

    return BUILTIN


@pytest.hookimpl(trylast=True)
def pytest_perfbudget_drivers() -> Sequence[Driver]:
    from pytest_perfbudget.capture.driver import BUILTIN

    return BUILTIN


@pytest.hookimpl(trylast=True)
def pytest_perfbudget_rules() -> Sequence[Rule]:
    from pytest_perfbudget.rules import BUILTIN

    return BUILTIN


@pytest.hookimpl(trylast=True)
def pytest_perfbudget_reporters() -> Sequence[Reporter]:
    from pytest_perfbudget.report import BUILTIN

    return BUILTIN
