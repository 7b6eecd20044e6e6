"""Budgets of pools and of the plan cache, as users meet them."""

from __future__ import annotations

import pytest
from conftest import Shop

APP = """
import os
from contextlib import ExitStack
import psycopg
import psycopg_pool
import sqlalchemy

def psycopg_pool_of(size=4):
    return psycopg_pool.ConnectionPool(os.environ["DATABASE_URL"], min_size=1, max_size=size, open=False)

def engine():
    return sqlalchemy.create_engine(os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://"))

def recent(connection, customer):
    return connection.execute("SELECT id FROM orders WHERE customer_id = %s", [customer]).fetchall()

def take(pool):
    return pool.getconn()
"""


def write(shop: Shop, body: str, budget: str) -> None:
    lines = "\n".join(f"    {line}" for line in body.strip().splitlines())
    test = (
        f'import pytest\nfrom app import *\n\n@pytest.mark.perf_budget("orders.pooled")\ndef test_pooled():\n{lines}\n'
    )
    shop.write(**{"app.py": APP, "test_shop.py": test, "budgets/orders.toml": f"[pooled]\n{budget}\n"})


TWO_OUT = """
with psycopg_pool_of() as pool:
    with pool.connection() as one, pool.connection() as two:
        recent(one, 42)
"""


def test_within_its_budget(shop: Shop) -> None:
    write(shop, TWO_OUT, 'pool.max_busy = 2\npool.leaked = 0\npool.wait_p95 = "5 s"\npool.connect_p95 = "5 s"')
    done = shop.run()
    assert done.code == 0, done.text
    assert done.verdicts == {"test_pooled": "new"}


@pytest.mark.parametrize(
    ("budget", "code"),
    [
        ("pool.max_busy = 1", "pool.max_busy"),
        ("pool.queued = 0", "pool.queued"),
        ('pool.wait_p95 = "1 us"', "pool.wait_p95"),
        ('pool.connect_p95 = "1 us"', "pool.connect_p95"),
    ],
)
def test_over_its_budget(shop: Shop, budget: str, code: str) -> None:
    write(shop, TWO_OUT, budget)
    done = shop.run()
    assert done.code == 1, done.text
    assert done.codes & {code} == {code}
    (finding,) = [f for f in done.report["tests"][0]["findings"] if f["code"] == code]
    assert finding["measured"] > finding["allowed"]


def test_a_leak_names_the_line_that_took_it(shop: Shop) -> None:
    write(shop, "pool = psycopg_pool_of()\npool.open()\nrecent(take(pool), 42)", "pool.leaked = 0")
    done = shop.run()
    assert done.code == 1, done.text
    taken = next(n for n, text in enumerate(APP.splitlines(), 1) if "getconn" in text)
    assert f"taken at app.py:{taken}" in done.text
    assert "pool.leaked" in done.text


def test_an_engine_of_sqlalchemy(shop: Shop) -> None:
    body = """
with engine().connect() as one, engine().connect():
    one.execute(sqlalchemy.text("SELECT id FROM orders WHERE customer_id = 42"))
"""
    write(shop, body, "pool.max_busy = 1")
    done = shop.run()
    assert done.code == 1, done.text
    assert "pool.max_busy" in done.text


def test_a_budget_of_pools_whose_test_uses_none_fails(shop: Shop) -> None:
    write(shop, 'with psycopg.connect(os.environ["DATABASE_URL"]) as one:\n    recent(one, 42)', "pool.leaked = 0")
    done = shop.run()
    assert done.code == 1
    assert "the test took no connection from a pool (watched: psycopg_pool, SQLAlchemy)" in done.text


def test_no_connection_made_is_unjudged_not_passed_over(shop: Shop) -> None:
    write(shop, "recent(POOL.getconn(), 42)", 'pool.connect_p95 = "1 s"')
    shop.append("app.py", "\nPOOL = psycopg_pool_of()\nPOOL.open()\nPOOL.wait()\n")
    done = shop.run()
    assert done.code == 0, done.text
    (finding,) = [f for f in done.report["tests"][0]["findings"] if f["code"] == "pool.connect_p95"]
    assert finding["verdict"] == "unjudged"
    assert "no connection was made" in finding["message"]
    assert shop.run("--perf-strict").code == 1


TWENTY = """
with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as one:
    for n in range(20):
        recent(one, n)
"""


def test_the_plan_cache(shop: Shop) -> None:
    """Of 20 executions psycopg prepares 15: five have a plan of their own, the sixth makes the generic one."""
    write(shop, TWENTY, 'plan_cache.hit_rate = "60%"')
    done = shop.run()
    assert done.code == 0, done.text
    write(shop, TWENTY, 'plan_cache.hit_rate = "61%"')
    done = shop.run()
    assert done.code == 1, done.text
    assert "required 61%" in done.text
    assert "9 of 15 executions reused a plan" in done.text


def test_a_plan_cache_that_nothing_was_prepared_for_fails(shop: Shop) -> None:
    write(shop, TWENTY.replace("20", "3"), 'plan_cache.hit_rate = "10%"')
    done = shop.run()
    assert done.code == 1
    assert "the test executed no prepared statement" in done.text
