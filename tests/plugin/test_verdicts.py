"""Every word of the ladder, at a laptop and in CI: what passes, what fails, what it says."""

from __future__ import annotations

import json
from pathlib import Path

from conftest import BUDGET, Shop, steady
from snapshots import matches

SNAPSHOTS = Path(__file__).with_name("snapshots")


def both(shop: Shop, verdict: str, local: int, ci: int) -> str:
    """The verdict of the one test and the exit codes; returns what the run in CI printed."""
    done, strict = shop.run(), shop.ci()
    assert (done.verdicts, strict.verdicts) == ({"test_recent": verdict},) * 2, done.text
    assert (done.code, strict.code) == (local, ci), done.text + strict.text
    return strict.text


def test_new_then_same(shop: Shop) -> None:
    both(shop, "new", 0, 1)
    assert "pytest --perf-update" in shop.run().text
    shop.record()
    both(shop, "same", 0, 0)


def test_lost_index_regresses(shop: Shop) -> None:
    shop.write(**{"budgets/orders.toml": "[recent]\nqueries.max = 1\n"})
    shop.record()
    shop.lose_index()
    text = both(shop, "regressed", 1, 1)
    start, end = text.index("perfbudget  orders.recent"), text.index("perfbudget: 0 of 1")
    words = steady(text[start:end])
    assert "index orders_customer_idx is gone" in words
    assert "tried" in words
    matches(SNAPSHOTS / "lost_index.txt", words)


def test_over(shop: Shop) -> None:
    shop.record()
    shop.write(**{"budgets/orders.toml": BUDGET.replace("120", "12")})
    assert "allowed 12" in both(shop, "over", 1, 1)


def test_incomparable(shop: Shop) -> None:
    shop.record()
    recorded = json.loads(shop.baseline().read_text())
    recorded["environment"]["settings"]["work_mem"] = "64MB"
    shop.baseline().write_text(json.dumps(recorded))
    assert "work_mem: 64MB → default" in both(shop, "incomparable", 0, 1)


def test_unjudged(shop: Shop) -> None:
    """A statement that writes is not timed unless its budget says so."""
    shop.append("shop.py", "\n")
    shop.write(
        **{
            "test_shop.py": (shop.path / "test_shop.py")
            .read_text()
            .replace("import recent", "import close")
            .replace("assert len(recent(42)) == 20", "close(1)"),
            "budgets/orders.toml": '[recent]\nlatency.p50 = "1 s"\n',
        }
    )
    shop.record()
    assert "latency.writes = true" in both(shop, "unjudged", 0, 0)
    assert shop.run("--perf-strict").code == 1


WAIVE = '[[recent.waive]]\nrule = "work.buffers"\nreason = "nightly"\nowner = "@data"\nuntil = {}\n'


def test_waived_until_its_end(shop: Shop) -> None:
    shop.record()
    low = BUDGET.replace("120", "12")
    shop.write(**{"budgets/orders.toml": low + WAIVE.format("2999-01-01")})
    both(shop, "waived", 0, 0)
    shop.write(**{"budgets/orders.toml": low + WAIVE.format("2020-01-01")})
    done = shop.run()
    assert done.code == 1
    assert "ended on 2020-01-01" in done.text
    assert done.verdicts == {"test_recent": "over"}


def test_improved(shop: Shop) -> None:
    shop.write(**{"budgets/orders.toml": "[recent]\nqueries.max = 1\n"})
    kept = (shop.path / "schema.sql").read_text()
    shop.lose_index()
    shop.record()
    shop.write(**{"schema.sql": kept})
    both(shop, "improved", 0, 0)


def test_equivalent(shop: Shop) -> None:
    """The recorded plan had another shape and did the same work."""
    shop.record()
    recorded = json.loads(shop.baseline().read_text())
    (query,) = recorded["tests"]["test_shop.py::test_recent"]["queries"]
    query["plans"][0] |= {
        "fingerprint": "0" * 16,
        "tree": ["Limit", *("  " + line for line in query["plans"][0]["tree"])],
    }
    shop.baseline().write_text(json.dumps(recorded))
    both(shop, "equivalent", 0, 0)


def test_a_forbidden_scan_is_found_in_the_one_partition_that_pruning_left(shop: Shop) -> None:
    shop.append(
        "schema.sql",
        "CREATE TABLE visits (id int, at int, note text) PARTITION BY RANGE (at);\n"
        "CREATE TABLE old_ones PARTITION OF visits FOR VALUES FROM (0) TO (100);\n"
        "CREATE TABLE new_ones PARTITION OF visits FOR VALUES FROM (100) TO (200);\n"
        "INSERT INTO visits SELECT n, n % 200, repeat('x', 50) FROM generate_series(1, 20000) n;\n",
    )
    shop.append("shop.py", READ_VISITS)
    test = """
from shop import visits

@pytest.mark.perf_budget(plan={"forbid": ["Seq Scan on visits"]})
def test_visits():
    assert len(visits(150)) == 100
"""
    shop.append("test_shop.py", test)
    done = shop.run("-k", "test_visits")
    assert done.code == 1, done.text
    assert "Seq Scan on visits is in the plan and forbidden" in done.text


READ_VISITS = """
def visits(at):
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        return connection.execute("SELECT id FROM visits v WHERE at = %s", [at]).fetchall()
"""


AGAIN_AND_AGAIN = """
import os
import psycopg, pytest

@pytest.fixture
def neighbour(perf_pg):
    with psycopg.connect(perf_pg.dsn("postgres")) as connection:
        if os.environ.get("NEIGHBOUR"):
            connection.execute("select pg_current_xact_id()")
        yield
        connection.rollback()

@pytest.mark.perf_budget(work={"wal": 10_000})
def test_again_and_again(perf_db, neighbour):
    with psycopg.connect(perf_db.dsn, autocommit=True) as connection:
        for _ in range(60):
            connection.execute("UPDATE orders SET total = total + 1 WHERE id = 1")
"""


def test_the_work_of_writes_does_not_depend_on_what_else_is_open(shop: Shop) -> None:
    shop.write(**{"test_shop.py": AGAIN_AND_AGAIN})
    counted = [
        shop.run(environ={"NEIGHBOUR": neighbour}).report["tests"][0]["queries"][0]["work"]["buffers"]
        for neighbour in ("", "1")
    ]
    assert counted[0] == counted[1]
