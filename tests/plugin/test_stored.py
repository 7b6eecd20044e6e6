"""``latency.baseline``: recorded by CI on the default branch, judged everywhere, by real runs; the clock is made up."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import TWO, Outcome, Shop
from snapshots import matches

SNAPSHOTS = Path(__file__).parent / "snapshots"
CLOCK = """
from contextlib import nullcontext
from types import SimpleNamespace

import pytest_perfbudget.session.stored.compare as compare
from pytest_perfbudget.capture.replay import Replay
from pytest_perfbudget.model.resources import Scheduled, Shared

compare.neighbours = lambda place: SimpleNamespace(watch=lambda: Shared)
compare.perf_counter = lambda: 0.0
compare.sleep = lambda seconds: None
compare.machine = lambda server: "One CPU, 2 cores"
compare.scheduled = lambda backend, database: nullcontext(Scheduled)
executed = Replay.__call__

def by_its_text(self):
    executed(self)
    return 0.002 * (1.4 if "slower" in self._statement.sql else 1.0)

Replay.__call__ = by_its_text
"""


class Branches(Shop):
    """The shop in GitHub's hands: ``push`` is a run of a branch."""

    def push(self, branch: str, *arguments: str) -> Outcome:
        event = self.path / "event.json"
        event.write_text(json.dumps({"repository": {"default_branch": "main"}}))
        said = {"PERFBUDGET_CI": "1", "GITHUB_EVENT_PATH": str(event), "GITHUB_EVENT_NAME": "push"}
        return self.run(*arguments, environ=said | {"GITHUB_REF_TYPE": "branch", "GITHUB_REF_NAME": branch})

    @property
    def recorded(self) -> list[Path]:
        return sorted((self.path / ".perfbudget" / "timings").glob("*.json"))

    def repeat(self, number: int) -> None:
        """The one recorded run as so many."""
        (run,) = self.recorded
        for second in range(1, number):
            shutil.copy(run, run.with_name(f"20200101T0000{second:02}-{second:08}.json"))


@pytest.fixture
def shop(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, server_cache: str) -> Iterator[Branches]:
    monkeypatch.delenv("GITHUB_SHA", raising=False)
    found = Branches(pytester, monkeypatch, server_cache)
    found.write(**{"conftest.py": CLOCK})
    found.append("budgets/orders.toml", 'latency.baseline = "15%"\n')
    found.record()
    return found


def slower(shop: Branches) -> None:
    text = (shop.path / "shop.py").read_text()
    (shop.path / "shop.py").write_text(text.replace("SELECT id, total FROM", "SELECT id, total AS slower FROM"))
    shop.record()  # its plan and work are those of before


def test_runs_of_the_default_branch_are_recorded_and_judge_those_of_any_other(shop: Branches) -> None:
    assert shop.recorded == []  # a laptop's
    done = shop.push("fix")
    assert done.code == 0, done.text
    assert "times were not recorded: this run is of fix (GITHUB_REF_NAME), and main is the default" in done.text
    assert "0 of the 5 recorded runs needed; with 5, this sees +19.3% or more" in done.text
    assert shop.recorded == []
    done = shop.push("main")
    assert done.code == 0, done.text
    assert "times of 1 statement were recorded in .perfbudget/timings: PERFBUDGET_CI is set" in done.text
    slower(shop)
    shop.repeat(5)
    done = shop.push("fix")
    assert done.code == 1, done.text
    assert len(shop.recorded) == 5
    assert "times were not recorded: this run is of fix (GITHUB_REF_NAME), and main is the default" in done.text
    text = done.text.partition("perfbudget  orders.recent")[2].partition("perfbudget: 0 of")[0]
    matches(SNAPSHOTS / "slower_than_recorded.txt", text.partition("\n====")[0])
    (query,) = done.report["tests"][0]["queries"]
    assert (query["stored"]["verdict"], query["stored"]["runs"]) == ("regressed", 5)
    assert query["stored"]["change"] == pytest.approx(0.4)
    assert shop.run().code == 1  # a laptop is held to them, and adds none
    assert len(shop.recorded) == 5


def test_workers_measure_and_the_controller_records_once(shop: Branches) -> None:
    shop.append("budgets/orders.toml", '\n[close]\nlatency.writes = true\nlatency.baseline = "25%"\n')
    shop.write(**{"test_shop.py": TWO})
    shop.record()
    done = shop.push("main", "-n2")
    assert done.code == 0, done.text
    (run,) = shop.recorded
    tests = json.loads(run.read_text())["tests"]
    assert {name.rpartition("::")[2]: len(figures) for name, figures in tests.items()} == {
        "test_recent": 1,
        "test_close": 1,
    }


def test_a_part_of_the_suite_is_not_recorded(shop: Branches) -> None:
    done = shop.push("main", "test_shop.py")
    assert done.code == 0, done.text
    assert "times were not recorded: the run was not complete: paths were given" in done.text
    assert shop.recorded == []


def test_a_recorded_run_that_cannot_be_read_fails_with_the_way_out(shop: Branches) -> None:
    assert shop.push("main").code == 0
    shop.recorded[0].write_text("{")
    done = shop.run()
    assert done.code == 1
    assert re.search(r"\.perfbudget/timings/\S+\.json: is no recorded run", done.text)
    assert "delete it: it holds the figures of one run" in done.text
