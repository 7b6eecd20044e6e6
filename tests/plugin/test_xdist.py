"""Workers: the same files, report and exit code as without them, in any distribution, and nothing lost with a crash."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import BUDGET, Outcome, Shop

TEST = """
import os
import pytest
from shop import recent

@pytest.mark.perf_budget("orders.recent")
@pytest.mark.parametrize("customer", range(6))
def test_recent(customer):
    recent(customer)

@pytest.mark.perf_budget("orders.twice")
@pytest.mark.xdist_group("together")
def test_twice():
    for customer in (1, 2):
        recent(customer)

@pytest.mark.perf_budget("orders.twice")
@pytest.mark.xdist_group("together")
class TestGroup:
    def test_again(self):
        for customer in (1, 2):
            recent(customer)

    def test_crash(self):
        if os.environ.get("CRASH"):
            os.kill(os.getpid(), 9)
        recent(1)
"""
TWICE = '[twice]\nqueries.repeated = 1\nplan.require = ["Index Access on orders"]\n'
DISTRIBUTIONS = [("4", "loadgroup"), ("2", "loadscope"), ("2", "worksteal")]


@pytest.fixture
def spread(shop: Shop) -> Shop:
    shop.write(**{"test_shop.py": TEST, "budgets/orders.toml": BUDGET + TWICE.replace("= 1", "= 2")})
    return shop


def files(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Baselines without when they were recorded."""
    for path in sorted(folder.rglob("*.json")):
        document = json.loads(path.read_bytes())
        recorded = document.pop("recorded")
        text = path.read_text().replace(recorded["at"], "AT")
        yield path.name, {"text": text}


def steady(done: Outcome) -> str:
    """The report as it is written, without what names the run and its time."""
    run = {key: value for key, value in done.report["run"].items() if key not in ("id", "started", "duration_s")}
    return json.dumps(done.report | {"run": run})


def test_files_and_reports_are_the_same_byte_for_byte(spread: Shop) -> None:
    baselines = spread.path / "budgets" / "baselines"
    recorded = steady(spread.record("-n", "0"))
    alone = dict(files(baselines))
    for path in baselines.rglob("*.json"):
        path.unlink()
    assert steady(spread.record("-n", "4")) == recorded
    assert dict(files(baselines)) == alone
    spread.write(**{"budgets/orders.toml": BUDGET + TWICE})
    expected = spread.run("-n", "0")
    assert expected.code == 1
    assert expected.verdicts["test_twice"] == "over"
    for workers, distribution in DISTRIBUTIONS:
        done = spread.run("-n", workers, f"--dist={distribution}")
        assert (done.code, steady(done)) == (expected.code, steady(expected)), distribution


def test_a_worker_that_crashes_loses_and_prunes_nothing(spread: Shop) -> None:
    spread.record("-n", "2")
    before = {path: path.read_bytes() for path in (spread.path / "budgets" / "baselines").rglob("*.json")}
    spread.write(**{"shop.py": (spread.path / "shop.py").read_text().replace("LIMIT 20", "LIMIT 19")})
    done = spread.run("-n", "2", "--perf-update", "--perf-accept=unused", environ={"CRASH": "1"})
    assert done.code == 1, done.text
    assert "baselines were not updated: a worker crashed" in done.text
    assert {path: path.read_bytes() for path in before} == before
    assert not done.report["run"]["complete"]
    verdicts = {name: word for name, word in done.verdicts.items() if name != "test_crash"}
    assert len(verdicts) == 8
    assert "unjudged" not in verdicts.values()
