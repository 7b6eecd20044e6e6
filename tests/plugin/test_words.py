"""The words of the command line, compared with what is written down."""

from __future__ import annotations

from pathlib import Path

import pytest
from snapshots import matches

SNAPSHOTS = Path(__file__).with_name("snapshots")


def test_help(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    done = pytester.runpytest_subprocess("--help")
    assert done.ret == 0
    lines = done.stdout.str().splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("performance budgets"))
    end = next(number for number in range(start + 1, len(lines)) if lines[number] and not lines[number][0].isspace())
    matches(SNAPSHOTS / "help.txt", "\n".join(lines[start:end]).rstrip())


def test_markers(pytester: pytest.Pytester) -> None:
    done = pytester.runpytest_subprocess("--markers")
    assert done.ret == 0
    ours = [line for line in done.stdout.str().splitlines() if "perf_budget" in line]
    matches(SNAPSHOTS / "markers.txt", "\n".join(ours))
