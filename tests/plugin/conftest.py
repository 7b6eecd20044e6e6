"""A small shop, held to its budgets by real runs of pytest in a subprocess."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

SCHEMA = """
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id int NOT NULL, status text NOT NULL, total numeric NOT NULL);
INSERT INTO orders SELECT i, i % 500, CASE WHEN i % 50 = 0 THEN 'open' ELSE 'done' END, i % 97
FROM generate_series(1, 20000) i;
CREATE INDEX orders_customer_idx ON orders (customer_id);
"""

SHOP = """
import os
import psycopg

def recent(customer):
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        return connection.execute(
            "SELECT id, total FROM orders WHERE customer_id = %s ORDER BY id DESC LIMIT 20", [customer]
        ).fetchall()

def close(order):
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        connection.execute("UPDATE orders SET status = 'done' WHERE id = %s", [order])
"""

TEST = """
import pytest
from shop import recent

@pytest.mark.perf_budget("orders.recent")
def test_recent():
    assert len(recent(42)) == 20
"""

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
"""A test that reads, and one that writes."""

BUDGET = """
[recent]
plan.require = ["Index Access on orders"]
work.buffers = 120
queries.max = 1
"""

PROJECT = """
[tool.perfbudget]
seed = ["schema.sql"]
server = "embedded"
env = "DATABASE_URL"
"""


OTHERS = ("pytest_postgresql", "valkey", "hypothesispytest", "benchmark", "pytest_cov", "rerunfailures", "codspeed")
"""Plugins by their entry points that most runs do without: they take half of the time a run needs to begin."""


@dataclass(frozen=True)
class Outcome:
    """A finished run of pytest: exit code, output, and the JSON report."""

    code: int
    text: str
    report: dict[str, Any] = field(default_factory=dict)

    @property
    def verdicts(self) -> dict[str, str]:
        return {test["nodeid"].rpartition("::")[2]: test["verdict"] for test in self.report.get("tests", [])}

    @property
    def codes(self) -> set[str]:
        return {finding["code"] for test in self.report.get("tests", []) for finding in test["findings"]}


class Shop:
    """The project in pytester's folder: write files, run pytest, read what came out."""

    def __init__(self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, cache: str) -> None:
        self._pytester, self._monkeypatch = pytester, monkeypatch
        self.without: tuple[str, ...] = OTHERS
        self.path = pytester.path
        monkeypatch.setenv("PERFBUDGET_CACHE", cache)
        monkeypatch.setenv("PERFBUDGET_CI", "0")
        files = {"pyproject.toml": PROJECT, "schema.sql": SCHEMA, "shop.py": SHOP, "test_shop.py": TEST}
        self.write(**files, **{"budgets/orders.toml": BUDGET})

    def write(self, **files: str) -> None:
        for name, text in files.items():
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def append(self, name: str, text: str) -> None:
        path = self.path / name
        path.write_text(path.read_text() + text)

    def run(
        self, *arguments: str, environ: Mapping[str, str] | None = None, reported: bool = True, shuffled: bool = False
    ) -> Outcome:
        report = self.path / "perf.json"
        report.unlink(missing_ok=True)
        asked = [f"--perf-report=json:{report}"] if reported else []
        asked += [] if shuffled else ["-p", "no:randomly"]
        asked += [f"-pno:{name}" for name in self.without]
        asked += ["-o", "asyncio_default_fixture_loop_scope=function"]  # pytest-asyncio warns where nobody says it
        with self._monkeypatch.context() as patch:
            patch.delenv("PYTEST_XDIST_WORKER", raising=False)  # a run of its own, whatever this one is
            for name, value in (environ or {}).items():
                patch.setenv(name, value)
            done = self._pytester.runpytest_subprocess("-p", "no:cacheprovider", *asked, *arguments)
        found = json.loads(report.read_text()) if report.exists() else {}
        return Outcome(int(done.ret), done.stdout.str() + done.stderr.str(), found)

    def ci(self, *arguments: str) -> Outcome:
        return self.run(*arguments, environ={"PERFBUDGET_CI": "1"})

    def record(self, *arguments: str) -> Outcome:
        done = self.run("--perf-update", *arguments)
        assert done.code == 0, done.text
        return done

    def lose_index(self) -> None:
        self.append("schema.sql", "DROP INDEX orders_customer_idx;\n")

    def baseline(self, name: str = "orders.recent") -> Path:
        return self.path / "budgets" / "baselines" / "pg18" / f"{name}.json"


@pytest.fixture
def shop(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, server_cache: str) -> Shop:
    return Shop(pytester, monkeypatch, server_cache)


def steady(text: str) -> str:
    """Output without what differs from run to run: times, run ids, paths of the temporary project."""
    text = re.sub(r"perfbudget_[0-9a-f]{8,}_\w+", "perfbudget_RUN_main", text)
    text = re.sub(r"\b\d+(\.\d+)?(e-\d+)? (µs|ms|s)\b", "TIME", text)
    return re.sub(r"n=\d+", "n=N", text)
