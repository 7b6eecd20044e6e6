"""Budgets of pools and of the plan cache, as users meet them."""

from __future__ import annotations

import pytest
from conftest import Shop

from pytest_perfbudget.postgres.pgbouncer import MISSING, program

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
        ('pool.wait_p95 = "0.1 us"', "pool.wait_p95"),
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


WAITING = """
import threading, time
with psycopg_pool_of(1) as pool:
    with pool.connection() as one:
        recent(one, 42)
        asking = [threading.Thread(target=lambda: pool.putconn(pool.getconn())) for _ in range(60)]
        for thread in asking:
            thread.start()
        while pool.get_stats()["requests_waiting"] < len(asking):
            time.sleep(0.01)
        time.sleep(1)
    for thread in asking:
        thread.join()
"""
BESIDE = """
from pytest_perfbudget.model.resources import Shared
from pytest_perfbudget.postgres.neighbours import Neighbours
Neighbours.watch = lambda self: lambda: Shared(2.0, {others}, 4.0)
"""


@pytest.mark.parametrize(("others", "verdict"), [(0.0, "over"), (1.5, "unjudged")])
def test_what_others_on_the_machine_explain_fails_nothing(shop: Shop, others: float, verdict: str) -> None:
    write(shop, WAITING, 'pool.wait_p95 = "0.8 s"')
    shop.write(**{"conftest.py": BESIDE.format(others=others)})
    done = shop.run()
    assert done.code == (verdict == "over"), done.text
    (finding,) = [f for f in done.report["tests"][0]["findings"] if f["code"] == "pool.wait_p95"]
    assert finding["verdict"] == verdict
    assert ("others had 37.5% of the processors' time meanwhile" in done.text) == (verdict == "unjudged")


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


def test_the_fixture_gives_a_pool_on_the_database_of_the_test(shop: Shop) -> None:
    test = """
import pytest
from app import *

@pytest.mark.perf_budget(pool={"leaked": 0, "max_busy": 1}, queries={"max": 1})
def test_pooled(perf_pool, perf_db):
    with perf_pool.connection() as connection:
        assert len(recent(connection, 42)) == 40
        assert connection.info.dbname == perf_db.name
"""
    shop.write(**{"app.py": APP, "test_shop.py": test, "budgets/orders.toml": ""})
    done = shop.run()
    assert done.code == 0, done.text


def test_a_leak_of_the_fixture_is_a_warning_with_its_line(shop: Shop) -> None:
    shop.write(**{"app.py": APP, "test_shop.py": "from app import *\ndef test_it(perf_pool):\n    take(perf_pool)\n"})
    done = shop.run(reported=False)
    assert done.code == 0, done.text
    at = next(n for n, text in enumerate(APP.splitlines(), 1) if "getconn" in text)
    assert f"a connection of perf_pool was not returned, taken at app.py:{at}" in done.text


ASYNC = """
import asyncio, gc, os, psycopg, pytest

async def busy(pool, n=3):
    async with pool.connection() as one, pool.connection() as two:
        await one.execute("SELECT 1")
        return (await (await two.execute("SELECT count(*) FROM orders")).fetchone())[0]

@pytest.mark.perf_budget(pool={"leaked": 0, "max_busy": 2})
def test_run(perf_apool):
    assert asyncio.run(busy(perf_apool)) == 20000

@pytest.fixture
def loop():
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()

def test_a_loop_that_is_still_there(loop, perf_apool):
    assert loop.run_until_complete(busy(perf_apool)) == 20000

def test_opened_and_closed_by_the_test(perf_apool):
    async def main():
        async with perf_apool as pool:
            return await busy(pool)
    assert asyncio.run(main()) == 20000

def test_never_used(perf_apool):
    pass

def test_in_two_loops(perf_apool):
    asyncio.run(busy(perf_apool))
    with pytest.raises(Exception, match="another event loop"):
        asyncio.run(busy(perf_apool))

def test_nothing_is_left(perf_db):
    gc.collect()
    with psycopg.connect(perf_db.dsn, autocommit=True) as one:
        (others,) = one.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND application_name <> 'perfbudget'"
        ).fetchone()
    assert others == 0
"""


def test_the_async_fixture_opens_in_the_loop_of_the_test_and_is_closed_behind_it(shop: Shop) -> None:
    shop.write(**{"test_shop.py": ASYNC, "budgets/orders.toml": ""})
    done = shop.run("-W", "error", reported=False)
    assert done.code == 0, done.text
    assert "6 passed" in done.text


@pytest.mark.skipif(program() is None, reason=MISSING)
def test_prepared_statements_behind_pgbouncer_are_explained(shop: Shop) -> None:
    test = """
from app import *
import pytest

def fill(dsn, threshold):
    connections = [psycopg.connect(dsn, autocommit=True, prepare_threshold=threshold) for _ in range(8)]
    for n in range(100):
        for one in connections:
            recent(one, n)

@pytest.mark.perf_budget(queries={"distinct": 1})
def test_prepared(perf_pgbouncer):
    fill(perf_pgbouncer.dsn, 0)

@pytest.mark.perf_budget(queries={"distinct": 1})
def test_not_prepared(perf_pgbouncer):
    fill(perf_pgbouncer.dsn, None)
"""
    shop.write(**{"app.py": APP, "test_shop.py": test, "budgets/orders.toml": ""})
    done = shop.run()
    assert "test_not_prepared" not in "".join(line for line in done.text.splitlines() if line.startswith("FAILED"))
    assert "1 passed" in done.text
    assert "ways out: prepare_threshold=None for psycopg.connect" in done.text


def test_where_pgbouncer_is_not_installed_the_test_fails_and_says_so(shop: Shop) -> None:
    gone = "from pytest_perfbudget.postgres import pgbouncer\npgbouncer.program = lambda: None\n"
    shop.write(**{"test_shop.py": f"{gone}def test_it(perf_pgbouncer):\n    pass\n", "budgets/orders.toml": ""})
    done = shop.run(reported=False)
    assert done.code == 1
    assert MISSING in done.text


def test_without_psycopg_pool_the_fixture_says_what_to_install(shop: Shop) -> None:
    test = "import sys\nsys.modules['psycopg_pool'] = None\ndef test_it(perf_pool):\n    pass\n"
    shop.write(**{"test_shop.py": test})
    done = shop.run(reported=False)
    assert done.code == 1
    assert "perfbudget  psycopg_pool is not installed" in done.text
    assert "pip install 'pytest-perfbudget[pool]'" in done.text
