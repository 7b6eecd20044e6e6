"""Runs that are killed, and servers that are killed under them, leave nothing behind and break nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parent.parent / "campaigns"))

import kill
import suites
import workers


@pytest.fixture(scope="module")
def project() -> Iterator[Any]:
    with kill.home() as folder:
        yield kill.shop(folder)


@pytest.mark.parametrize("killing", kill.SHORT, ids=lambda one: f"{one.signal.name}-{one.whom}-{one.kind}")
def test_nothing_is_left_or_broken(project: Any, killing: kill.Killing) -> None:
    if missing := suites.missing_kind(killing.kind):
        pytest.skip(missing)
    found = kill.strike(project, killing)
    assert found.complaints == []
    assert found.reported >= project.tests // 3


def test_workers_share_nothing_and_leave_nothing() -> None:
    assert workers.run("embedded", tests=24, workers=3) == []
