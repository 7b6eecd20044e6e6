"""``--perf-against``: a commit against another, by real runs; what the clock says is made up where a verdict rests on it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Outcome, Shop
from snapshots import matches

SNAPSHOTS = Path(__file__).parent / "snapshots"
CLOCK = """
import pytest_perfbudget.measure.regression as regression
from pytest_perfbudget.session.against.sides import Execute

regression.APART = 0.0
executed = Execute.__call__

def by_its_text(self):
    executed(self)
    sql = self.replay._statement.sql
    seconds = 0.002 * (1.2 if "slower" in sql else 0.8 if "faster" in sql else 1.0)
    if self.taken:
        self.taken[-1] = seconds
    return seconds

Execute.__call__ = by_its_text
"""
REGRESS = '[suite]\nlatency.regress = "10%"\n'
TWO = """
import pytest
from shop import close, recent

@pytest.mark.perf_budget("orders.recent")
def test_recent():
    assert len(recent(42)) == 20

@pytest.mark.perf_budget("orders.close")
def test_close():
    close(7)
"""


class Repository(Shop):
    """The shop as a git checkout, its first commit being ``main``."""

    def git(self, *words: str) -> str:
        who = ("-c", "user.name=shop", "-c", "user.email=shop@example.org")
        done = subprocess.run(["git", *who, *words], cwd=self.path, capture_output=True, text=True, check=True)
        return done.stdout

    def commit(self) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "a commit")

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.path / name
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    def against(self, *arguments: str, ref: str = "main") -> Outcome:
        return self.run(f"--perf-against={ref}", *arguments)


@pytest.fixture
def shop(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, server_cache: str) -> Iterator[Repository]:
    repository = Repository(pytester, monkeypatch, server_cache)
    repository.write(**{"conftest.py": CLOCK, ".gitignore": "__pycache__\nperf.json\n"})
    repository.edit("budgets/orders.toml", "\n[recent]", f"{REGRESS}\n[recent]")
    repository.git("init", "-q", "-b", "main")
    repository.commit()
    yield repository
    assert len(repository.git("worktree", "list").splitlines()) == 1


def compared(done: Outcome) -> list[dict[str, object]]:
    return [query["against"] for test in done.report["tests"] for query in test["queries"] if query["against"]]


def test_an_edited_statement_that_is_slower_fails_with_what_was_measured(shop: Repository) -> None:
    shop.edit("shop.py", "SELECT id, total FROM orders", "SELECT id, total AS slower FROM orders")
    done = shop.against()
    assert done.code == 1, done.text
    print(done.text)
    assert 0
