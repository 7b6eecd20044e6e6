"""``throughput.min``, ``cpu.per_call`` and ``memory.peak`` of real statements."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from typing import Any

import pytest
from conftest import Outcome, Shop

TEST = """
import os
import psycopg
import pytest

@pytest.fixture
def connection():
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        yield connection

@pytest.mark.perf_budget("orders.small")
def test_small(connection):
    for customer in (42, 43):
        connection.execute("SELECT id FROM orders WHERE customer_id = %s", [customer]).fetchall()

@pytest.mark.perf_budget("orders.large")
def test_large(connection):
    connection.execute("SET work_mem = '256MB'")
    connection.execute("SELECT id, repeat('x', 200) t FROM orders ORDER BY t, id DESC LIMIT 100000").fetchall()

@pytest.mark.perf_budget("orders.large")
def test_write(connection):
    connection.execute("UPDATE orders SET status = 'done' WHERE id = 1")
"""

SMALL = '[small]\nthroughput.min = 1\nclients = 3\ncpu.per_call = "1 s"\nmemory.peak = "1 GB"\n'
LARGE = '[large]\nthroughput.min = 100_000\ncpu.per_call = "10 us"\nmemory.peak = "100 kB"\n'


@pytest.mark.skipif(sys.platform != "linux", reason="CPU time and memory are read on Linux")
def test_what_a_test_uses_is_held_to_its_budget(shop: Shop) -> None:
    shop.write(**{"test_shop.py": TEST, "budgets/orders.toml": SMALL + LARGE})
    done = shop.run("-v")
    small, large, write = (
        next(test for test in done.report["tests"] if test["nodeid"].endswith(name))
        for name in ("test_small", "test_large", "test_write")
    )
    assert done.code == 1, done.text
    used = {one["key"]: one["value"] for one in small["used"]}
    assert used.keys() == {"throughput.min", "cpu.per_call", "memory.peak"}
    assert small["verdict"] == "new"
    assert 1 < used["throughput.min"] < 1e6
    assert 1e-6 < used["cpu.per_call"] < 1
    assert 1 << 18 < used["memory.peak"] < 64 << 20
    assert "cpu.per_call" in done.text.partition("perfbudget: resources")[2]
    found = {one["code"]: one["verdict"] for one in large["findings"]}
    assert found["memory.peak"] == "over"
    # On a machine that is busy enough the cap can come first.
    assert {found["throughput.min"], found["cpu.per_call"]} <= {"over", "unjudged"}, done.text
    assert "3 clients" in done.text
    words = {one["code"]: one["message"] for one in write["findings"]}
    for key in ("throughput.min", "cpu.per_call"):
        assert words[key].startswith(f"{key}: the test writes, and is not repeated: UPDATE orders")


def throughput(shop: Shop, least: float) -> tuple[Outcome, dict[str, Any]]:
    shop.write(**{"budgets/orders.toml": f"[small]\nthroughput.min = {least}\nclients = 2\n[large]\n"})
    done = shop.run("-v", "-k", "test_small")
    return done, done.report["tests"][0]


@pytest.mark.skipif(sys.platform != "linux", reason="the processors' time is read on Linux")
def test_what_neighbours_take_fails_nothing(shop: Shop) -> None:
    """The least is nearly what the machine gives alone; then others work beside it, two for each processor."""
    shop.write(**{"test_shop.py": TEST})
    _, alone = throughput(shop, 1)
    (used,) = alone["used"]
    with ExitStack() as stack:
        for _ in range(2 * (os.cpu_count() or 1)):
            busy = stack.enter_context(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
            stack.callback(busy.kill)
        done, beside = throughput(shop, 0.95 * used["value"])
    assert done.code == 0, done.text
    assert {one["verdict"] for one in beside["findings"] if one["code"] == "throughput.min"} <= {"unjudged"}
