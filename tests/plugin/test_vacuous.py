"""Nothing passes because nothing was looked at."""

from __future__ import annotations

import pytest
from conftest import Shop

NARROWED = "[recent]\n[recent.query.lines]\nqueries.max = 1\n"
INLINE = """
import pytest
from shop import recent

@pytest.mark.perf_budget(query={"lines": {"queries": {"max": 1}}})
def test_recent():
    recent(42)
"""


def test_a_query_that_never_ran(shop: Shop) -> None:
    shop.write(**{"budgets/orders.toml": NARROWED})
    done = shop.run()
    assert done.code == 1, done.text
    (problem,) = done.report["problems"]
    assert (problem["code"], problem["site"]) == ("query", {"file": "budgets/orders.toml", "line": 2})
    assert "no test of orders.recent sent a statement from lines() or with /* perf: lines */" in problem["message"]
    assert "seen: recent" in done.text


def test_a_query_that_never_ran_of_a_budget_in_the_marker(shop: Shop) -> None:
    shop.write(**{"test_shop.py": INLINE, "budgets/orders.toml": ""})
    done = shop.run()
    assert done.code == 1, done.text
    assert done.codes >= {"query.lines"}
    assert "no statement was sent by lines() or carries /* perf: lines */; seen: recent" in done.text


APP = """
import os
import psycopg
import pytest

def connect():
    return psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)

def insert(connection):
    with pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute("INSERT INTO orders VALUES (1, 1, 'open', 1)")

@pytest.mark.perf_budget("orders.recent")
def test_recent():
    with connect() as connection:
        insert(connection)
        connection.execute("SELECT id FROM orders WHERE customer_id = 1").fetchall()
"""


@pytest.mark.parametrize(
    ("budget", "code"),
    [
        ('[recent]\nplan.forbid = ["Seq Scan on orders"]\n', 1),
        ('[recent]\n[recent.query.insert]\nplan.forbid = ["Seq Scan on orders"]\n', 1),
        ("[recent]\nqueries.max = 9\n", 0),
    ],
)
def test_a_statement_without_a_plan(shop: Shop, budget: str, code: int) -> None:
    shop.write(**{"test_shop.py": APP, "budgets/orders.toml": budget})
    done = shop.run()
    assert done.code == code, done.text
    assert done.verdicts == {"test_recent": "over" if code else "new"}
    (found,) = [one for one in done.report["tests"][0]["findings"] if one["code"] == "plan"]
    assert found["message"] == "no plan to judge: the statement failed with SQLSTATE 23505"
    assert found["message"] in done.text
    assert found["site"]["line"] == 11


OPEN = """
import os
import psycopg
import pytest

@pytest.fixture
def connection():
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        yield connection

@pytest.mark.perf_budget("orders.recent")
def test_recent(connection):
    cursor = connection.cursor("c")
    cursor.execute("SELECT id FROM orders WHERE status = 'open'")
    cursor.fetchone()
"""


def test_a_server_side_cursor_left_open_is_planned(shop: Shop) -> None:
    """Its own plan comes when it is closed, which is after the test."""
    budget = '[recent]\nplan.forbid = ["Seq Scan on orders"]\n'
    shop.write(**{"test_shop.py": OPEN, "budgets/orders.toml": budget})
    done = shop.run()
    assert done.code == 1, done.text
    assert "Seq Scan on orders is in the plan and forbidden" in done.text
    (query,) = done.report["tests"][0]["queries"]
    assert query["plans"][0]["source"] == "explain"
