"""``growth``: real runs at several sizes of the database; the sizes are those of the setting's default."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from conftest import Shop, steady
from snapshots import matches

sys.path.append(str(Path(__file__).parent.parent / "campaigns"))


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
