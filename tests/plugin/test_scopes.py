"""What of a test is counted: its body, its fixtures, a part of it, one query of it."""

from __future__ import annotations

import pytest
from conftest import Outcome, Shop

APP = """
import os
import psycopg

def connect():
    return psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)

def sends(text):
    with connect() as connection:
        connection.execute(text)
"""

FIXTURES = """
import pytest
from app import sends

@pytest.fixture(scope="module")
def of_the_module():
    sends("SELECT 1 AS module")
    yield
    sends("SELECT 1 AS module_ends")

@pytest.fixture
def of_the_test(of_the_module):
    sends("SELECT 1 AS fixture")
    yield
    sends("SELECT 1 AS fixture_ends")

@pytest.mark.perf_budget("orders.scope")
def test_first(of_the_test):
    sends("SELECT 1 AS body")

@pytest.mark.perf_budget("orders.scope")
def test_second(of_the_test):
    sends("SELECT 1 AS body")
"""


def queries(done: Outcome, test: str) -> list[str]:
    (found,) = [one for one in done.report["tests"] if one["nodeid"].endswith(test)]
    return [query["sql"].removeprefix("SELECT 1 AS ") for query in found["queries"]]


@pytest.mark.parametrize(
    ("key", "expected"), [("", ["body"]), ('capture = "call"', ["body"]), ('capture = "test"', ["fixture", "body"])]
)
def test_what_a_budget_counts(shop: Shop, key: str, expected: list[str]) -> None:
    """A wider fixture is set up by whichever test comes first: counted, the order would decide."""
    shop.write(**{"app.py": APP, "test_shop.py": FIXTURES, "budgets/orders.toml": f"[scope]\n{key}\n"})
    for arguments in ((), ("-k", "second")):
        done = shop.run(*arguments)
        assert done.code == 0, done.text
        assert {tuple(queries(done, one["nodeid"][-6:])) for one in done.report["tests"]} == {tuple(expected)}


def test_a_limit_counts_the_fixtures_too(shop: Shop) -> None:
    budget = '[suite]\ncapture = "test"\n\n[scope]\nqueries.max = 1\n'
    shop.write(**{"app.py": APP, "test_shop.py": FIXTURES, "budgets/orders.toml": budget})
    done = shop.run()
    assert done.code == 1, done.text
    assert done.verdicts == {"test_first": "over", "test_second": "over"}
    assert "queries.max   2   allowed 1" in done.text


CLASSES = """
import pytest
import unittest
from app import sends

class TestPlain:
    @classmethod
    def setup_class(cls):
        sends("SELECT 1 AS class")

    def setup_method(self):
        sends("SELECT 1 AS a_method")

    @pytest.mark.perf_budget("orders.scope")
    def test_plain(self):
        sends("SELECT 1 AS body")

class TestUnit(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        sends("SELECT 1 AS class")

    def setUp(self):
        sends("SELECT 1 AS setUp")

    def tearDown(self):
        sends("SELECT 1 AS tearDown")

    @pytest.mark.perf_budget("orders.scope")
    def test_unit(self):
        sends("SELECT 1 AS body")

class TestAsync(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        sends("SELECT 1 AS setUp")

    @pytest.mark.perf_budget("orders.scope")
    async def test_async(self):
        sends("SELECT 1 AS body")
"""


@pytest.mark.parametrize(("key", "plain"), [("", ["body"]), ('capture = "test"', ["a_method", "body"])])
def test_methods_that_set_up(shop: Shop, key: str, plain: list[str]) -> None:
    """unittest's own run within the body: pytest's call phase is all that unittest knows."""
    shop.write(**{"app.py": APP, "test_shop.py": CLASSES, "budgets/orders.toml": f"[scope]\n{key}\n"})
    done = shop.run()
    assert done.code == 0, done.text
    assert queries(done, "test_plain") == plain
    assert queries(done, "test_unit") == ["setUp", "body", "tearDown"]
    assert queries(done, "test_async") == ["setUp", "body"]


ASYNC = """
import os
import psycopg
import pytest
import pytest_asyncio

async def sends(text):
    async with await psycopg.AsyncConnection.connect(os.environ["DATABASE_URL"]) as connection:
        await connection.execute(text)

@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def of_the_module():
    await sends("SELECT 1 AS module")
    yield

@pytest_asyncio.fixture(loop_scope="module")
async def of_the_test(of_the_module):
    await sends("SELECT 1 AS fixture")
    yield
    await sends("SELECT 1 AS fixture_ends")

@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.perf_budget("orders.scope")
async def test_async(of_the_test):
    await sends("SELECT 1 AS body")
"""


def test_asynchronous_fixtures(shop: Shop) -> None:
    shop.write(**{"test_shop.py": ASYNC, "budgets/orders.toml": '[scope]\ncapture = "test"\n'})
    done = shop.run()
    assert done.code == 0, done.text
    assert queries(done, "test_async") == ["fixture", "body"]


def test_a_fixture_that_fails_leaves_nothing_recording(shop: Shop) -> None:
    test = """
import pytest
from app import sends

@pytest.fixture
def broken():
    sends("SELECT 1 AS fixture")
    raise RuntimeError("no")

@pytest.mark.perf_budget("orders.scope")
def test_broken(broken):
    pass

def test_unmarked(request):
    from pytest_perfbudget.plugin import state_of
    assert state_of(request.config).place.hub.recording is None
"""
    shop.write(**{"app.py": APP, "test_shop.py": test, "budgets/orders.toml": '[scope]\ncapture = "test"\n'})
    done = shop.run()
    assert done.code == 1
    assert "1 passed, 1 error" in done.text


PARTS = """
import pytest
from app import connect, sends

@pytest.fixture
def around(perf):
    with perf.capture() as seen:
        yield seen

def check(perf):
    sends("SELECT 1 AS before")
    with connect() as connection, perf.capture() as seen:
        for n in range(3):
            connection.execute("SELECT id FROM orders WHERE id <= %s", [n])
        assert len(seen) == 3
        connection.execute("SELECT 1")
    sends("SELECT 1 AS behind")
    assert [one.sql for one in seen][-1] == "SELECT 1"
    assert (len(seen), seen.distinct, seen.repeated, seen.rows, seen.round_trips) == (4, 2, 3, 4, 4)
    assert [one.sql for one in perf.statements if " AS " in one.sql] == ["SELECT 1 AS before", "SELECT 1 AS behind"]
    assert len(perf.statements) == 6
    assert repr(seen).splitlines()[0] == "4 statements, 2 distinct, 3 repeated, 4 round trips, 4 rows"
    assert repr(seen).splitlines()[1] == "  1  SELECT id FROM orders WHERE id <= $1   test_shop.py:14"
    with perf.capture() as nothing:
        pass
    assert not len(nothing) and nothing

@pytest.mark.perf_budget("orders.scope")
def test_marked(perf, around):
    check(perf)
    assert len(around) == 6

def test_unmarked(perf, around):
    check(perf)
    assert len(around) == 6
"""


def test_a_part_of_a_test(shop: Shop) -> None:
    shop.write(**{"app.py": APP, "test_shop.py": PARTS, "budgets/orders.toml": "[scope]\n"})
    done = shop.run()
    assert done.code == 0, done.text
    for key in ("", 'capture = "test"'):
        shop.write(**{"budgets/orders.toml": f"[scope]\n{key}\n"})
        assert shop.run("-p", "no:randomly").code == 0


NARROWED = """
import asyncio
import os
import threading
import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool, ConnectionPool

DSN = os.environ["DATABASE_URL"]

def lines(connection, n):
    return connection.execute("SELECT id FROM orders WHERE id <= %s", [n]).fetchall()

def commented(connection, n):
    return connection.execute("/* perf: lines */ SELECT total FROM orders WHERE id <= %s", [n]).fetchall()

def other(connection):
    return connection.execute("SELECT 1").fetchall()

def work(pool):
    with pool.connection() as connection:
        lines(connection, 1)
        commented(connection, 1)
        other(connection)

class Tasks:
    async def lines(self, pool):
        async with pool.connection() as connection:
            await connection.execute("SELECT id FROM orders WHERE id <= 1")
            await connection.execute("SELECT 1")

async def tasks():
    async with AsyncConnectionPool(DSN, min_size=1, max_size=3) as pool:
        await asyncio.gather(*(Tasks().lines(pool) for _ in range(10)))

@pytest.mark.perf_budget("orders.threads")
def test_threads():
    with ConnectionPool(DSN, min_size=1, max_size=3) as pool:
        threads = [threading.Thread(target=work, args=[pool]) for _ in range(5)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()

@pytest.mark.perf_budget("orders.tasks")
def test_tasks():
    asyncio.run(tasks())
"""


def test_one_query_of_a_test_by_its_function_or_its_comment(shop: Shop) -> None:
    budget = (
        "[threads]\nqueries.max = 15\n[threads.query.lines]\nqueries.max = {}\n[tasks.query.lines]\nqueries.max = {}"
    )
    shop.write(**{"test_shop.py": NARROWED, "budgets/orders.toml": budget.format(10, 20)})
    done = shop.run()
    assert done.code == 0, done.text
    shop.write(**{"budgets/orders.toml": budget.format(9, 19)})
    done = shop.run()
    assert done.verdicts == {"test_threads": "over", "test_tasks": "over"}, done.text
    measured = [f["measured"] for test in done.report["tests"] for f in test["findings"] if f["code"] == "queries.max"]
    assert sorted(measured) == [10, 20]
