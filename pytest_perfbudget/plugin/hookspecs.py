"""The extension points. The built-in parts register through the same hooks (``plugin/builtin.py``).

Each hook returns a list; the lists of all plugins are joined, and the first of a name wins.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_perfbudget.capture.driver import Driver
    from pytest_perfbudget.model import Finding, TestEvidence
    from pytest_perfbudget.postgres.seeders import Seeder
    from pytest_perfbudget.postgres.server import ServerKind
    from pytest_perfbudget.report.reporter import Reporter
    from pytest_perfbudget.rules.base import Rule


@pytest.hookspec
def pytest_perfbudget_servers() -> Sequence[ServerKind]:  # type: ignore[empty-body]
    """Kinds of PostgreSQL server: what ``--perf-server`` can name.

    ``auto`` asks them in the order given and takes the first that offers the pinned major.

    .. versionadded:: 0.1
    """


@pytest.hookspec
def pytest_perfbudget_seeders() -> Sequence[Seeder]:  # type: ignore[empty-body]
    """Ways to write a step of ``seed``: the first seeder that takes an entry makes its step.

    .. versionadded:: 0.1
    """


@pytest.hookspec
def pytest_perfbudget_drivers() -> Sequence[Driver]:  # type: ignore[empty-body]
    """Database drivers whose statements are seen.

    .. versionadded:: 0.1
    """


@pytest.hookspec
def pytest_perfbudget_rules() -> Sequence[Rule]:  # type: ignore[empty-body]
    """Plan rules with codes of their own (``ACME101``): they explain regressions, can be named in
    ``plan.rules`` and waived.

    .. versionadded:: 0.1
    """


@pytest.hookspec
def pytest_perfbudget_reporters() -> Sequence[Reporter]:  # type: ignore[empty-body]
    """Readers of a run: what ``--perf-report=KIND:PATH`` can name.

    .. versionadded:: 0.1
    """


@pytest.hookspec(firstresult=True)
def pytest_perfbudget_finding(finding: Finding, evidence: TestEvidence) -> Finding | None:
    """Change a finding before it counts, such as its ``fix`` text; the first result that is not None wins.

    .. versionadded:: 0.1
    """


@pytest.hookspec
def pytest_perfbudget_environment() -> dict[str, str]:  # type: ignore[empty-body]
    """Facts of the run for the report's ``environment``, such as the runner's class. They decide nothing.

    .. versionadded:: 0.1
    """
