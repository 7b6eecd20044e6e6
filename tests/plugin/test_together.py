"""Beside the plugins that suites have: all of them installed at once, and each of them at work."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import distribution

import pytest
from conftest import Shop

PLUGINS = (
    "pytest-asyncio", "pytest-benchmark", "pytest-cov", "pytest-postgresql", "pytest-randomly", "pytest-rerunfailures",
    "pytest-timeout", "pytest-xdist", "hypothesis",
)  # fmt: skip

APP = """
import os
import psycopg

def recent(customer):
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        return connection.execute("SELECT id FROM orders WHERE customer_id = %s", [customer]).fetchall()

async def recent_async(customer):
    async with await psycopg.AsyncConnection.connect(os.environ["DATABASE_URL"]) as connection:
        cursor = await connection.execute("SELECT id FROM orders WHERE customer_id = %s", [customer])
        return await cursor.fetchall()
"""

TEST = """
import asyncio
import unittest
import pytest
from hypothesis import given, settings, strategies as st
from app import recent, recent_async

budget = pytest.mark.perf_budget("orders.one")

@budget
@pytest.mark.parametrize("customer", [1, 2])
def test_parametrised(customer):
    recent(customer)

class TestClass:
    @budget
    def test_in_a_class(self):
        recent(3)

@budget
class TestMarkedClass:
    def test_in_a_marked_class(self):
        recent(4)

@budget
@pytest.mark.asyncio
async def test_async():
    await recent_async(5)

class TestUnit(unittest.TestCase):
    @budget
    def test_unit(self):
        recent(6)

    @budget
    def test_sub(self):
        with self.subTest("sub"):
            recent(6)

class TestIsolated(unittest.IsolatedAsyncioTestCase):
    @budget
    async def test_isolated(self):
        await recent_async(7)

@pytest.mark.perf_budget("orders.many")
@settings(max_examples=5, deadline=None, derandomize=True, database=None)
@given(st.integers(1, 400))
def test_hypothesis(customer):
    recent(customer)

@budget
@pytest.mark.timeout(60)
def test_with_a_timeout():
    recent(8)

@pytest.mark.perf_budget("orders.many")
def test_benchmark(benchmark):
    benchmark.pedantic(recent, args=(9,), rounds=3)

runs = []

@budget
@pytest.mark.flaky(reruns=2)
def test_run_again():
    recent(10)
    runs.append(1)
    assert len(runs) == 2
"""
REQUIRED = 'plan.require = ["Index Access on orders"]'
BUDGET = f"[one]\nqueries.max = 1\n{REQUIRED}\n[many]\n{REQUIRED}\n"
NAMES = {
    "test_parametrised[1]", "test_parametrised[2]", "test_in_a_class", "test_in_a_marked_class", "test_async",
    "test_unit", "test_sub", "test_isolated", "test_hypothesis", "test_with_a_timeout", "test_benchmark",
    "test_run_again",
}  # fmt: skip


@pytest.fixture
def together(shop: Shop) -> Shop:
    for name in PLUGINS:
        distribution(name)
    shop.write(**{"app.py": APP, "test_shop.py": TEST, "budgets/orders.toml": BUDGET})
    shop.without = ()
    return shop


def test_tests_of_every_shape_beside_every_plugin(together: Shop) -> None:
    """A benchmark's rounds are statements like others, and pytest-benchmark runs one under xdist: so one here."""
    done = together.run("--perf-update", "-n", "2", "--cov=app", "--benchmark-disable", shuffled=True)
    assert done.code == 0, done.text
    assert done.verdicts == dict.fromkeys(NAMES, "new")
    done = together.run("--cov=app", "--timeout=120", "--benchmark-disable", shuffled=True)
    assert done.code == 0, done.text
    assert done.verdicts == dict.fromkeys(NAMES, "same")
    assert "Using --randomly-seed" in done.text
    assert "1 rerun" in done.text
    together.lose_index()
    done = together.run("-n", "2", "--benchmark-disable", shuffled=True)
    assert done.code == 1
    again = {"test_run_again": "unjudged"}  # its third run fails by itself
    assert done.verdicts == dict.fromkeys(NAMES, "regressed") | again


LATENCY = '[one]\nlatency.p50 = "1 us"\n[many]\n'


@pytest.mark.parametrize(
    ("argument", "why"),
    [("", ""), ("--cov=app", "coverage watches every line of this process"), ("--pdb", "the run is under --pdb")],
)
def test_nothing_is_timed_under_a_debugger_or_coverage(together: Shop, argument: str, why: str) -> None:
    together.write(**{"budgets/orders.toml": LATENCY})
    done = together.run("-k", "in_a_class", *([argument] if argument else []))
    assert done.code == (0 if why else 1), done.text
    assert f"latency.p50: {why}" in done.text or not why


def test_a_test_that_times_out_leaves_the_next_ones_as_they_are(together: Shop) -> None:
    test = """
import os
import psycopg
import pytest
from app import recent

@pytest.mark.perf_budget("orders.one")
@pytest.mark.timeout(1)
def test_a_slow():
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        connection.execute("SELECT pg_sleep(30)")

@pytest.mark.perf_budget("orders.one")
def test_b():
    recent(1)
"""
    together.write(**{"test_shop.py": test})
    done = together.run()
    assert done.code == 1
    assert done.verdicts["test_b"] == "new"
    assert "Timeout" in done.text


def test_the_databases_of_pytest_postgresql_are_not_ours(together: Shop) -> None:
    """Its fixtures are there, and none of ours has the name of one of theirs."""
    command = [sys.executable, "-m", "pytest", "--fixtures", "-q"]
    text = subprocess.run(command, cwd=together.path, capture_output=True, text=True, check=True).stdout
    theirs = text.partition("fixtures defined from pytest_postgresql")[2]
    assert "postgresql" in theirs
    ours = [line.split()[0] for line in text.splitlines() if line.startswith("perf")]
    assert set(ours) >= {"perf", "perf_db", "perf_pool"}
