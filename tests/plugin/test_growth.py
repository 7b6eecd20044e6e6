"""``growth``: real runs at several sizes of the database; the sizes are those of the setting's default."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from conftest import Shop, steady
from snapshots import matches

from pytest_perfbudget.advice.growing import ONE_STATEMENT

sys.path.append(str(Path(__file__).parent.parent / "campaigns"))

import growth

SNAPSHOTS = Path(__file__).with_name("snapshots")
PYTHON = """
import psycopg

def fill(dsn, scale=2000):
    with psycopg.connect(dsn) as connection:
        connection.execute(
            "CREATE TABLE orders (id bigint PRIMARY KEY, customer_id int NOT NULL, status text NOT NULL, total int);"
            f"INSERT INTO orders SELECT i, i % ({scale} / 40), 'done', i % 97 FROM generate_series(1, {scale}) i;"
        )
        INDEX
"""
INDEX = 'connection.execute("CREATE INDEX orders_customer_idx ON orders (customer_id)")'
PROJECT = '[tool.perfbudget]\nseed = ["seed:fill"]\nserver = "embedded"\nenv = "DATABASE_URL"\n'
BUDGET = '[recent]\ngrowth = "O(log n)"\n'
TEST = """
import pytest
from shop import recent

@pytest.mark.perf_budget("orders.recent")
def test_recent():
    assert len(recent(7)) == 20
"""


@pytest.fixture
def shop(shop: Shop) -> Shop:
    files = {"pyproject.toml": PROJECT, "seed.py": PYTHON.replace("INDEX", INDEX), "test_shop.py": TEST}
    shop.write(**files, **{"budgets/orders.toml": BUDGET})
    return shop


def failure(text: str) -> str:
    return text.partition("FAILURES")[2].partition("\nperfbudget: 0 of")[0].partition("\n")[2].partition("\n")[2]


def test_an_index_is_within_the_bound_and_is_shown(shop: Shop) -> None:
    done = shop.run("-v")
    assert done.code == 0, done.text
    (test,) = done.report["tests"]
    buffers, rows, statements, time = test["growth"]
    assert [one["metric"] for one in (buffers, rows, statements, time)] == ["buffers", "rows", "statements", "time"]
    assert [one["gated"] for one in (buffers, rows, statements, time)] == [True, True, True, False]
    assert {buffers["state"], rows["state"], statements["state"]} == {"within"}
    assert [point["rows"] for point in buffers["points"]] == [1000, 4000, 16_000, 64_000]
    assert "perfbudget: growth" in done.text


def test_without_its_index_it_fails_with_the_curve_and_the_index_tried(shop: Shop) -> None:
    shop.write(**{"seed.py": PYTHON.replace("INDEX", "")})
    done = shop.run()
    assert done.code == 1, done.text
    matches(SNAPSHOTS / "growth.txt", steady(failure(done.text)))


WRITES = """
import logging
import os

import pytest
from shop import recent

@pytest.fixture
def log():
    logging.getLogger().info("%s", os.getpid())
    yield
    logging.getLogger().info("%s", os.getpid())

@pytest.mark.perf_budget("orders.recent")
def test_recent(log, benchmark):
    assert len(benchmark(recent, 7)) == 20
"""
LOG = '[tool.pytest.ini_options]\nlog_file = "shop.log"\nlog_file_level = "INFO"\nlog_file_format = "%(message)s"\n'


def test_other_sizes_leave_alone_what_the_run_writes(shop: Shop) -> None:
    """Their log is not its log, and what is fast among a thousand rows is no benchmark of the suite."""
    shop.without = tuple(name for name in shop.without if name != "benchmark")
    shop.write(**{"pyproject.toml": PROJECT + LOG, "test_shop.py": WRITES})
    done = shop.run("--benchmark-autosave", "--benchmark-max-time=0.001")
    assert done.code == 0, done.text
    assert len(done.report["tests"][0]["growth"]) == 4
    log = (shop.path / "shop.log").read_text().splitlines()
    assert (len(log), len(set(log))) == (2, 1), log
    assert len(list((shop.path / ".benchmarks").rglob("*.json"))) == 1


PLAIN = """
CREATE TABLE customers (id serial PRIMARY KEY, name text UNIQUE NOT NULL);
INSERT INTO customers (name) SELECT 'c' || i FROM generate_series(1, 60) i;
CREATE TABLE orders (id serial PRIMARY KEY, customer_id int NOT NULL REFERENCES customers, total int);
INSERT INTO orders (customer_id, total) SELECT 1 + i % 60, i % 97 FROM generate_series(1, 600) i;
CREATE INDEX ON orders (customer_id);
"""
LOOPS = """
import pytest

@pytest.mark.perf_budget(growth="O(log n)")
def test_one_customer(perf):
    assert len(perf.run("SELECT * FROM orders WHERE customer_id = %s", [7])) == 10

@pytest.mark.perf_budget(growth="O(log n)")
def test_loop_over_customers(perf):
    for customer, name in perf.run("SELECT id, name FROM customers ORDER BY id"):
        perf.run("SELECT sum(total) FROM orders WHERE customer_id = %s", [customer])

def test_the_database_is_as_it_was_and_nothing_is_left(perf, perf_pg):
    assert perf.run("SELECT count(*) FROM orders") == [(600,)]
    names = [name for name, in perf_pg.admin.execute("SELECT datname FROM pg_database")]
    assert not [name for name in names if "_main_" in name and not name.endswith("_main")]
"""


def test_rows_of_a_seed_that_takes_no_scale_are_multiplied(shop: Shop) -> None:
    project = '[tool.perfbudget]\nseed = ["plain.sql"]\nserver = "embedded"\n'
    shop.write(**{"pyproject.toml": project, "plain.sql": PLAIN, "test_shop.py": LOOPS, "budgets/orders.toml": ""})
    done = shop.run()
    assert done.code == 1, done.text
    one, loop = sorted(done.report["tests"], key=lambda test: test["nodeid"], reverse=True)
    assert [finding["code"] for finding in one["findings"]] == ["baseline"]
    assert [point["rows"] for point in one["growth"][0]["points"]][:4] == [1200, 4200, 16_200, 64_200]
    found = [finding for finding in loop["findings"] if finding["code"] == "growth"]
    assert {finding["verdict"] for finding in found} == {"over"}
    assert ONE_STATEMENT in {finding["fix"] for finding in found}
    assert "it is sent 120 times at 1,200 rows and 6,420 times at 64,200" in done.text
    assert "1 failed, 2 passed" in done.text


OPEN = """
import pytest
from shop import recent

@pytest.mark.perf_budget(growth="O(log n)")
def test_counts_on_rows_that_are_not_there_yet():
    assert recent(70)

@pytest.mark.perf_budget(growth="O(1)")
def test_reads_what_does_not_grow(perf):
    perf.run("SELECT * FROM settings WHERE id = 1")

@pytest.mark.perf_budget(growth="O(1)")
def test_is_skipped_elsewhere(perf):
    if perf.run("SELECT count(*) FROM orders") != [(4000,)]:
        pytest.skip("too many")
"""


def test_what_cannot_be_judged_says_why(shop: Shop) -> None:
    seed = PYTHON.replace("2000", "4000").replace("INDEX", FIXED)
    shop.write(**{"seed.py": seed, "test_shop.py": OPEN, "budgets/orders.toml": ""})
    done = shop.run("-n2", "--perf-strict")
    assert done.code == 1, done.text
    said = {
        test["nodeid"].rpartition("::")[2]: finding["message"]
        for test in done.report["tests"]
        for finding in test["findings"]
        if finding["verdict"] == "unjudged"
    }
    assert said == {
        "test_counts_on_rows_that_are_not_there_yet": "growth: at scale 1,000 the test fails: assert []",
        "test_reads_what_does_not_grow": "growth: nothing that the test reads grows with the scale: "
        "settings has 9 rows at each",
        "test_is_skipped_elsewhere": "growth: at scale 1,000 the test is skipped: too many",
    }


FIXED = 'connection.execute("CREATE TABLE settings AS SELECT generate_series(1, 9) id")'


def test_a_part_of_the_planted_cases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server_cache: str) -> None:
    """All of them: tests/campaigns/growth.py."""
    monkeypatch.setenv("PERFBUDGET_CACHE", server_cache)
    outcomes, output = growth.run([case for case in growth.CASES if case.name in growth.SHORT], tmp_path)
    assert [outcome.case.name for outcome in outcomes if not outcome.right] == [], output
    assert {outcome.case.within for outcome in outcomes} == {True, False}
