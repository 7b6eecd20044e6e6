"""The whole run: xdist, another git ref, reports, fixtures, and tests of every shape."""

from __future__ import annotations

import json
import subprocess
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
from conftest import BUDGET, TEST, Shop

from pytest_perfbudget.report.json import SCHEMA


def steady_report(report: dict[str, Any]) -> dict[str, Any]:
    """Without what names the run and its time."""
    return report | {"run": {k: v for k, v in report["run"].items() if k not in ("id", "started", "duration_s")}}


def test_xdist_changes_nothing(shop: Shop) -> None:
    second = TEST.rpartition("\n@pytest")[2].replace("test_recent", "test_again")
    shop.append("test_shop.py", "\n@pytest" + second)
    shop.record()
    shop.write(**{"budgets/orders.toml": BUDGET.replace("120", "12")})
    alone, spread = shop.run("-n", "0"), shop.run("-n", "2")
    assert (alone.code, spread.code) == (1, 1), spread.text
    assert alone.verdicts == {"test_recent": "over", "test_again": "over"}
    assert steady_report(alone.report) == steady_report(spread.report)


def test_judged_by_a_git_ref(shop: Shop) -> None:
    shop.record()
    shop.write(**{"budgets/orders.toml": BUDGET.replace("120", "60")})
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "first"]):
        subprocess.run(["git", *words], cwd=shop.path, check=True)
    shop.lose_index()
    shop.write(**{"budgets/orders.toml": "[recent]\nwork.buffers = 5000\n"})
    shop.baseline().unlink()
    done = shop.run("--perf-baseline", "HEAD")
    assert (done.code, done.verdicts) == (1, {"test_recent": "over"})
    assert "loosened against --perf-baseline" in done.text
    assert "5,000" in done.text or "5000" in done.text


def test_reports(shop: Shop) -> None:
    done = shop.record("--junitxml=junit.xml")
    jsonschema.validate(done.report, json.loads(SCHEMA.read_text()))
    found = ET.parse(shop.path / "junit.xml").iter("property")
    properties = {one.get("name"): one.get("value") for one in found}
    assert properties["perfbudget.budget"] == "orders.recent"
    assert properties["perfbudget.verdict"] == "new"
    assert int(properties["perfbudget.work.buffers"] or 0) > 0


FIXTURES = """
import os
import psycopg
import pytest

with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
    assert connection.execute("SELECT count(*) FROM orders").fetchone() == (20000,)

@pytest.mark.perf_budget(work={"buffers": 200}, queries={"max": 2})
def test_cases(perf):
    for case, order in (("first", 1), ("last", 20000)):
        assert perf.run("SELECT id FROM orders WHERE id = %s", [order], case=case) == [(order,)]

class TestGroup:
    @pytest.mark.parametrize("number", [1, 2])
    @pytest.mark.perf_budget(queries={"max": 2})
    def test_own_database(self, perf_db, number):
        with psycopg.connect(perf_db.dsn) as connection:
            assert connection.execute("SELECT status FROM orders WHERE id = 1").fetchone() == ("done",)
            connection.execute("UPDATE orders SET status = 'taken' WHERE id = 1")
"""


def test_fixtures_and_tests_of_every_shape(shop: Shop) -> None:
    shop.write(**{"test_shop.py": TEST, "test_fixtures.py": FIXTURES})
    done = shop.run()
    assert done.code == 0, done.text
    groups = ["test_own_database[1]", "test_own_database[2]"]
    assert done.verdicts == dict.fromkeys(["test_cases", *groups, "test_recent"], "new")
    cases = [test for test in done.report["tests"] if test["nodeid"].endswith("test_cases")]
    assert [query["case"] for query in cases[0]["queries"]] == ["first", "last"]
    assert cases[0]["budget"] == "inline.test_fixtures"


def test_a_failing_body_stays_its_own_failure(shop: Shop) -> None:
    shop.write(**{"test_shop.py": TEST.replace("== 20", "== 21")})
    done = shop.run()
    assert done.code == 1
    assert "assert 20 == 21" in done.text
    assert "perfbudget  orders.recent" not in done.text


def test_the_variable_serves_a_conftest(shop: Shop) -> None:
    text = FIXTURES.partition("@pytest")[0]
    shop.write(**{"conftest.py": text})
    assert shop.run().code == 0


INNER = """
import os
import subprocess
import sys

def test_inner(tmp_path):
    with open("pyproject.toml") as project:
        (tmp_path / "pyproject.toml").write_text(project.read().replace("schema.sql", os.path.abspath("schema.sql")))
    (tmp_path / "test_own.py").write_text(
        "import os\\ndef test_own(): open('url', 'w').write(os.environ['DATABASE_URL'])"
    )
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
    for more in ([], ["-n", "1"]):
        done = subprocess.run([*command, *more], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        url = (tmp_path / "url").read_text()
        assert "perfbudget_" in url
        assert url != os.environ["DATABASE_URL"]
"""


def test_a_pytest_that_a_test_starts_under_xdist_is_a_run_of_its_own(shop: Shop) -> None:
    shop.write(**{"test_inner.py": INNER})
    done = shop.run("-n", "2")
    assert done.code == 0, done.text
    assert done.verdicts == {"test_recent": "new"}


def test_xdist_without_a_line_of_configuration_is_summed_up_too(shop: Shop) -> None:
    (shop.path / "pyproject.toml").unlink()
    test = """
import pytest

@pytest.mark.perf_budget(queries={"max": 1})
def test_inline(perf):
    perf.run("SELECT 1")
"""
    shop.write(**{"test_shop.py": test})
    (shop.path / "budgets" / "orders.toml").unlink()
    done = shop.run("-n", "2", reported=False)
    assert done.code == 0, done.text
    assert "perfbudget: 0 of 1 test within budget · 1 statement · 1 new" in done.text
