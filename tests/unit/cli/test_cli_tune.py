"""``perfbudget tune`` on a real server: settings with their reasons, and the plans of the suite under both."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from shell import perfbudget

from pytest_perfbudget.baselines.record import Baseline, QueryRecord, Recorded, TestRecord
from pytest_perfbudget.baselines.store import Store
from pytest_perfbudget.model import Environment
from pytest_perfbudget.postgres import Request
from pytest_perfbudget.postgres.embedded import Embedded

SCHEMA = """
create table orders (id int primary key, customer int, total int, filler text);
insert into orders select n, (n * 7919) % 2000, n % 90, repeat('x', 80) from generate_series(1, 200000) n;
create index orders_customer on orders (customer);
"""
MANY = "select * from orders where customer < 1050"
FEW = "select * from orders where id = $1"
ALL = "select count(*) from orders where filler like $1"
WRITE = "update orders set total = 0 where id = $1"
LOST = "select * from gone where id = $1"
HERE = ("--memory", "16 GB", "--cores", "4", "--disk", "ssd", "--database", "1 GB")


@pytest.fixture(scope="module")
def shop(server_cache: str) -> Iterator[str]:
    server = Embedded().start(Request(run=uuid.uuid4().hex, cache=server_cache))
    server.admin.execute("create database tuned")
    with psycopg.connect(server.dsn("tuned"), autocommit=True) as connection:
        connection.execute(SCHEMA)
        connection.execute("vacuum analyze")
    yield server.dsn("tuned")
    server.close()


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """Baselines as a run on 17 recorded them."""
    queries = tuple(
        QueryRecord(f"{n:012}", sql, (), 1.0) for n, sql in enumerate([MANY, FEW, ALL, WRITE, LOST, "begin"])
    )
    environment = Environment("17.1", 17, "deterministic", "embedded", "C", 8192, jit=False)
    record = TestRecord(queries)
    baseline = Baseline("shop", environment, {"test_a": record, "test_b": record}, Recorded("2026-08-01", "me"))
    Store(tmp_path / "budgets" / "baselines", tmp_path).write([baseline])
    return tmp_path


def tuned(shop: str, suite: Path, *words: str, code: int = 1) -> dict[str, Any]:
    done = perfbudget("tune", shop, *words, "--json", folder=suite)
    assert done.returncode == code, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_settings_now_and_proposed_with_what_they_need_and_alter(shop: str, suite: Path) -> None:
    found = {one["name"]: one for one in tuned(shop, suite, *HERE)["settings"]}
    cost = found["random_page_cost"]
    assert (cost["now"], cost["proposed"], cost["needs"], cost["alters_plans"]) == ("4", "1.1", "reload", True)
    buffers = found["shared_buffers"]
    assert (buffers["now"], buffers["proposed"], buffers["needs"]) == ("128MB", "4GB", "restart")
    assert not buffers["alters_plans"]
    assert found["effective_cache_size"]["proposed"] == "12GB"
    assert found["jit"]["same"]
    assert not found["jit"]["alters_plans"]
    assert found["wal_compression"]["proposed"] is None
    assert found["wal_compression"]["why"] == "this server was built without lz4"
    assert all(one["why"] for one in found.values())


def test_the_plans_that_change_and_those_that_cannot_be_made(shop: str, suite: Path) -> None:
    plans = tuned(shop, suite, *HERE)["plans"]
    changed = {one["sql"]: one for one in plans["changed"]}
    assert plans["baselines"] == "budgets/baselines/pg17"
    assert plans["statements"] == 5
    assert changed.keys() == {MANY, ALL}
    many, counted = changed[MANY], changed[ALL]
    assert many["now"]["tree"][0].startswith(("Bitmap Heap Scan", "Seq Scan"))
    assert many["proposed"]["tree"][0].startswith("Index Scan using orders_customer")
    assert (counted["now"]["workers"], counted["proposed"]["workers"]) == (0, 2)
    assert [(one["sql"], one["why"]) for one in plans["unplanned"]] == [(LOST, 'relation "gone" does not exist')]
    with psycopg.connect(shop) as connection:
        assert connection.execute("select count(*) from orders where total = 0 and id % 90 <> 0").fetchone() == (0,)


def test_the_text_says_the_same(shop: str, suite: Path) -> None:
    done = perfbudget("tune", shop, *HERE, "--profile", "dw", folder=suite)
    assert done.returncode == 1
    assert done.stdout.startswith("PostgreSQL 18.")
    assert "for dw on 16 GB, 4 cores, ssd, databases of 1 GB" in done.stdout
    lines = done.stdout.splitlines()
    table = [line.split() for line in lines if line.endswith("looks at each column")]
    assert table[0][:5] == ["default_statistics_target", "100", "500", "analyze", "plans"]
    assert "2 of 4 statements of budgets/baselines/pg17 would be planned otherwise" in done.stdout
    assert "  + Index Scan using orders_customer on orders" in done.stdout
    assert "workers 0 → 2" in done.stdout
    assert "shows only after ANALYZE" in done.stdout
    assert '1 could not be planned on this database: relation "gone" does not exist' in done.stdout


def test_where_nothing_changes_it_is_done_and_without_baselines_it_says_so(shop: str, tmp_path: Path) -> None:
    done = perfbudget("tune", shop, *HERE, folder=tmp_path)
    assert done.returncode == 0
    assert "no plans compared" in done.stdout


def test_the_commands_it_prints_are_taken_by_the_server(shop: str, suite: Path) -> None:
    done = perfbudget("tune", shop, *HERE, "--sql", folder=suite)
    commands = done.stdout.splitlines()
    assert "ALTER SYSTEM SET random_page_cost = '1.1';" in commands
    with psycopg.connect(shop, autocommit=True) as connection:
        for command in commands:
            connection.execute(command)
        connection.execute("alter system reset all")


def test_a_local_server_s_machine_is_found_and_its_databases_are_measured(shop: str, suite: Path) -> None:
    machine = tuned(shop, suite, "--cores", "4")["machine"]
    assert machine["memory"] > 256 << 20
    assert machine["disk"] in ("hdd", "ssd", "nvme")
    assert 30 << 20 < machine["database"] < 10 << 30


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["postgresql://me:secret@127.0.0.1:1/x"], "refuses"),
        (["DSN", "--memory", "8"], "not a size"),
        (["DSN", "--cores", "0"], "1 or more"),
        (["DSN", "--profile", "fast"], "invalid choice"),
    ],
)
def test_what_cannot_be_done_exits_with_2(words: list[str], said: str) -> None:
    done = perfbudget("tune", *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert "secret" not in done.stderr
