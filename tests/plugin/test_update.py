"""What an update writes, what it withholds, and what it refuses to do."""

from __future__ import annotations

import json

import pytest
from conftest import TEST, TWO, Shop

RISEN = ("--perf-update", "--perf-accept=worse", "--perf-reason", "the index is too large")


def test_second_update_leaves_the_file(shop: Shop) -> None:
    shop.record()
    before = shop.baseline().read_bytes()
    done = shop.record()
    assert done.verdicts == {"test_recent": "same"}
    assert shop.baseline().read_bytes() == before


def test_worse_is_recorded_with_its_reason_only(shop: Shop) -> None:
    shop.write(**{"budgets/orders.toml": "[recent]\nqueries.max = 1\n"})
    shop.record()
    before = shop.baseline().read_bytes()
    shop.lose_index()
    refused = shop.run("--perf-update")
    assert (refused.code, refused.verdicts) == (1, {"test_recent": "regressed"})
    assert shop.baseline().read_bytes() == before
    assert shop.run(*RISEN, "--perf-dry-run").code == 0
    assert shop.baseline().read_bytes() == before
    assert shop.run(*RISEN).code == 0
    assert json.loads(shop.baseline().read_text())["recorded"]["reason"] == "the index is too large"
    assert shop.run().verdicts == {"test_recent": "same"}


def test_dry_run_prints_and_writes_nothing(shop: Shop) -> None:
    done = shop.run("--perf-update", "--perf-dry-run")
    assert done.code == 0
    assert "changes of the baselines" in done.text
    assert "test_shop.py::test_recent" in done.text
    assert not shop.baseline().parent.exists()


def test_ci_refuses_with_its_evidence(shop: Shop) -> None:
    done = shop.ci("--perf-update")
    assert done.code == 4
    assert "PERFBUDGET_CI is set" in done.text
    assert not shop.baseline().exists()


def test_edited_text_does_not_escape_its_baseline(shop: Shop) -> None:
    shop.write(**{"budgets/orders.toml": "[recent]\nqueries.max = 1\n"})
    shop.record()
    shop.lose_index()
    edited = (shop.path / "shop.py").read_text().replace("SELECT id, total", "SELECT id, status, total")
    shop.write(**{"shop.py": edited})
    done = shop.run()
    assert (done.code, done.verdicts) == (1, {"test_recent": "regressed"})


def test_entries_of_tests_that_are_gone(shop: Shop) -> None:
    second = TEST.rpartition("\n@pytest")[2]
    shop.append("test_shop.py", "\n@pytest" + second.replace("test_recent", "test_again"))
    shop.record()
    shop.write(**{"test_shop.py": TEST})
    orphan = shop.run()
    assert orphan.code == 1
    assert "test_shop.py::test_again" in orphan.text
    assert [problem["code"] for problem in orphan.report["problems"]] == ["baseline"]
    assert shop.run("test_shop.py").code == 0
    before = shop.baseline().read_bytes()
    assert shop.run("--perf-update", "--perf-accept=unused", "test_shop.py").code == 0
    assert shop.baseline().read_bytes() == before
    assert shop.run("--perf-update", "--perf-accept=unused").code == 0
    assert list(json.loads(shop.baseline().read_text())["tests"]) == ["test_shop.py::test_recent"]


TAKES_OUT = """
import pytest

@pytest.hookimpl({order})
def pytest_collection_modifyitems(config, items):
    out = [item for item in items if item.name == "{name}"]
    items[:] = [item for item in items if item not in out] + ([items[0]] if {repeats} else [])
    {told}
"""


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["alone", "xdist"])
@pytest.mark.parametrize("told", ["", "config.hook.pytest_deselected(items=out)"], ids=["silently", "told"])
@pytest.mark.parametrize(("order", "repeats"), [("tryfirst=True", True), ("trylast=True", False)])
def test_tests_that_a_plugin_takes_out_are_not_gone(
    shop: Shop, order: str, repeats: bool, told: str, workers: tuple[str, ...]
) -> None:
    shop.write(**{"test_shop.py": TWO, "budgets/orders.toml": "[recent]\nqueries.max = 1\n[close]\nqueries.max = 1\n"})
    shop.record()
    shop.write(**{"conftest.py": TAKES_OUT.format(order=order, told=told, name="test_close", repeats=repeats)})
    done = shop.run(*workers)
    assert (done.code, done.report["problems"], done.verdicts) == (0, [], {"test_recent": "same"}), done.text
    written = sorted(path.read_bytes() for path in shop.path.rglob("baselines/*/*.json"))
    assert shop.run("--perf-update", "--perf-accept=unused", *workers).code == 0
    assert sorted(path.read_bytes() for path in shop.path.rglob("baselines/*/*.json")) == written


FAKES = """
class Fake:
    def __init__(self, config):
        self.config = config

def pytest_ignore_collect(collection_path, config):
    if collection_path.name == "test_other.py":
        config.hook.pytest_deselected(items=[Fake(config)])
        return True
"""


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["alone", "xdist"])
def test_tests_that_a_plugin_says_it_never_collected_are_not_gone(shop: Shop, workers: tuple[str, ...]) -> None:
    """As pytest-testmon does with whole files."""
    shop.write(**{"test_other.py": TEST.replace("test_recent", "test_again")})
    shop.record()
    shop.write(**{"conftest.py": FAKES})
    done = shop.run(*workers)
    assert (done.code, done.report["problems"], done.report["run"]["complete"]) == (0, [], False), done.text


def test_a_test_without_a_budget_that_is_taken_out_leaves_the_run_complete(shop: Shop) -> None:
    shop.append("test_shop.py", "\ndef test_plain():\n    pass\n")
    takes_out = TAKES_OUT.format(
        order="", told="config.hook.pytest_deselected(items=out)", name="test_plain", repeats=False
    )
    shop.write(**{"conftest.py": takes_out})
    assert shop.run().report["run"]["complete"]
