"""What all tests share: pytester, a cache of servers for this run, no CI by accident."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["pytester"]

settings.register_profile(
    "patient", parent=settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("patient")  # a busy machine fails no test


def pytest_report_header() -> list[str]:
    from machine import header

    return header()


@pytest.fixture(scope="session")
def server_cache() -> Iterator[str]:
    """A PERFBUDGET_CACHE that the tests of this run share; not below pytest's own folders, which are root's alone."""
    given = os.environ.get("PERFBUDGET_TEST_CACHE")
    folder = Path(given or tempfile.mkdtemp(prefix="perfbudget-test-cache-"))
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    yield str(folder)
    if not given:
        shutil.rmtree(folder, ignore_errors=True)
