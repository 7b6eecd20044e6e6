"""N+1, large results and memory, as users meet them."""

from __future__ import annotations

from pathlib import Path

from conftest import Shop, steady
from snapshots import matches

SNAPSHOTS = Path(__file__).with_name("snapshots")

APP = """
import os
import psycopg

def connect():
    return psycopg.connect(os.environ["DATABASE_URL"])

def recent(connection, customer):
    return connection.execute("SELECT id FROM orders WHERE customer_id = %s ORDER BY id DESC LIMIT 20", [customer])

def total(connection, order):
    return connection.execute("SELECT total FROM orders WHERE id = %s", [order]).fetchone()[0]

def report(customer):
    with connect() as connection:
        return sum(total(connection, order) for order, in recent(connection, customer))
"""

TEST = """
import pytest
from app import report

@pytest.mark.perf_budget("orders.report")
def test_report():
    report(42)
"""


def test_a_loop_over_the_rows_of_a_statement(shop: Shop) -> None:
    shop.write(**{"app.py": APP, "test_shop.py": TEST, "budgets/orders.toml": "[report]\nqueries.repeated = 1\n"})
    done = shop.run()
    assert done.code == 1, done.text
    failure = done.text.partition("FAILURES")[2].partition("\nperfbudget: 0 of")[0].partition("\n")[2]
    matches(SNAPSHOTS / "repeated.txt", steady(failure.partition("\n")[2]))
    (test,) = done.report["tests"]
    first, second = test["queries"]
    assert first["repetition"] is None
    assert second["repetition"] == {
        "n": 20,
        "site": {"file": "app.py", "line": 12},
        "parent": {"query": first["id"], "site": {"file": "app.py", "line": 9}, "calls": 1, "rows": 20},
        "origin": None,
    }
    (finding,) = [one for one in test["findings"] if one["code"] == "queries.repeated"]
    assert finding["site"] == {"file": "app.py", "line": 12}


LARGE = """
import pytest
from app import connect

QUERY = "SELECT id, repeat('x', 100) FROM orders"

def whole():
    with connect() as connection:
        return connection.execute(QUERY).fetchall()

def streamed():
    with connect() as connection, connection.cursor() as cursor:
        return sum(1 for row in cursor.stream(QUERY + " WHERE true"))

def by_cursor():
    with connect() as connection, connection.cursor("c") as cursor:
        cursor.itersize = 1000
        cursor.execute(QUERY)
        return sum(1 for row in cursor)

@pytest.mark.perf_budget("orders.export")
def test_export(perf):
    whole(), streamed(), by_cursor()

def test_memory(perf):
    with perf.capture(memory=True) as seen:
        whole()
    with perf.capture(memory=True) as fewer:
        streamed()
    assert fewer.peak_memory < 500_000 < 20_000 * 100 < seen.peak_memory
    with perf.capture() as unmeasured:
        pass
    assert unmeasured.peak_memory is None
"""


def test_large_results_are_seen_as_what_they_are(shop: Shop) -> None:
    shop.write(**{"app.py": APP, "test_shop.py": LARGE, "budgets/orders.toml": "[export]\n"})
    done = shop.run("--perf-explain")
    assert done.code == 0, done.text
    fetched = [query["fetched"] for query in done.report["tests"][0]["queries"]]
    assert [one["how"] for one in fetched] == [["whole"], ["stream"], ["cursor"]]
    assert {one["rows"] for one in fetched} == {20000}
    ids = sum(len(str(n)) for n in range(1, 20001))
    assert [one["bytes"] for one in fetched] == [ids + 2_000_000] * 3
    assert "fetched 20,000 rows, 2,088,894 bytes, loaded whole" in done.text
    assert "fetched 20,000 rows, 2,088,894 bytes, by a server-side cursor" in done.text
