"""``perfbudget selfcheck``: a real suite, its statements replayed on a real server."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from conftest import Shop

SCRIPT = """
import itertools, sys
import pytest_perfbudget.session.selfcheck.replay as replay
from pytest_perfbudget.cli.main import main

moments = itertools.count()
replay.perf_counter = lambda: next(moments) / 100
replay._cost = lambda seconds, beside: 0.0
sys.exit(main(["selfcheck", *sys.argv[1:]]))
"""
"""The command on a clock that each look at it moves: how many trials there is time for is not the machine's affair."""
TESTS = """
import os
import psycopg
import pytest
from shop import close, recent

@pytest.mark.perf_budget("orders.recent")
def test_recent():
    assert len(recent(42)) == 20

@pytest.mark.perf_budget("orders.close")
def test_close():
    close(7)

@pytest.mark.perf_budget("orders.late")
def test_late():
    assert len(recent(1)) == 3

@pytest.mark.perf_budget("orders.own")
def test_what_it_wrote_itself():
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        connection.execute("CREATE TABLE mine (a int)")
        connection.execute("SELECT a FROM mine")

@pytest.mark.perf_budget("nowhere")
def test_without_a_budget():
    recent(1)

def test_without_a_marker():
    assert len(recent(2)) == 20
"""


def selfcheck(shop: Shop, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", SCRIPT, *words]
    return subprocess.run(command, cwd=shop.path, env=os.environ, capture_output=True, text=True, check=False)


def test_the_suites_statements_are_replayed(shop: Shop) -> None:
    shop.append("budgets/orders.toml", "\n[close]\n[late]\n[own]\n")
    shop.write(**{"test_shop.py": TESTS})
    done = selfcheck(shop, "--time", "1", "--json")
    # What a gate decides here is the machine's affair.
    assert done.returncode in (0, 1), done.stderr
    document = json.loads(done.stdout)
    assert [one["test"] for one in document["statements"]] == ["test_shop.py::test_recent"]
    assert document["statements"][0]["trials"] == 10
    assert {one["key"] for one in document["gates"]} >= {
        "latency.p50", "latency.p95", "latency.regress", "latency.baseline"
    }  # fmt: skip
    assert all(one["trials"] >= 9 for one in document["gates"])
    assert done.returncode == int(any(one["wrong"] for one in document["gates"] if one["usual"]))
    why = document["skipped"]
    assert why["test_shop.py::test_late"] == "fails: assert 20 == 3"
    assert next(words for name, words in why.items() if "UPDATE orders" in name) == "it writes"
    own = next(words for name, words in why.items() if "SELECT a FROM mine" in name)
    assert own == 'it could not be executed again: relation "mine" does not exist'


def test_arguments_of_pytest_choose_the_tests(shop: Shop) -> None:
    shop.append("budgets/orders.toml", "\n[close]\n[late]\n[own]\n")
    shop.write(**{"test_shop.py": TESTS})
    done = selfcheck(shop, "--time", "1", "--", "-k", "close")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "sent no statement that can be repeated: test_shop.py::test_close" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_suite_that_cannot_run_is_said_in_one_line(shop: Shop) -> None:
    shop.append("test_shop.py", "import nothing_of_the_kind\n")
    done = selfcheck(shop, "--time", "1")
    assert done.returncode == 2
    assert done.stderr.startswith("perfbudget selfcheck: the run of pytest ended with exit code 2: ")
