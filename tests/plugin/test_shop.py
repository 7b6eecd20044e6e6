"""The same application on each driver: the same is captured, planned and judged, and what is planted is found."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import PROJECT

from pytest_perfbudget.statements import identity

SHOP = Path(__file__).parents[1] / "apps" / "shop"
VARIANTS = ("shop_psycopg", "shop_sqlalchemy", "shop_sqlalchemy_async", "shop_asyncpg", "shop_psycopg2")

TESTS = """
import asyncio
import inspect
from decimal import Decimal
from importlib import import_module

import pytest

@pytest.fixture(params=VARIANTS)
def call(request):
    shop = import_module(request.param)
    def call(name, *arguments):
        returned = getattr(shop, name)(*arguments)
        return asyncio.run(returned) if inspect.isawaitable(returned) else returned
    return call

@pytest.mark.perf_budget("shop.recent")
def test_recent(call):
    found = call("recent_orders", 7)
    assert len(found) == 20 and {lines for _, lines in found} == {4}

@pytest.mark.perf_budget("shop.one_by_one")
def test_one_by_one(call):
    assert len(call("recent_orders_one_by_one", 7)) == 20

@pytest.mark.perf_budget("shop.by_status")
def test_by_status(call):
    assert call("orders_by_status", "open")[0] == 5000

@pytest.mark.perf_budget("shop.total")
def test_total(call):
    assert call("order_total", 9) == 130

@pytest.mark.perf_budget("shop.loyalty")
def test_loyalty(call):
    assert call("loyalty", 7) == 1360

@pytest.mark.perf_budget("shop.place")
def test_place(call):
    assert call("place_order", 7, [(1, 2, Decimal("1.50")), (2, 3, Decimal(4))]) == 5001
"""

BUDGETS = """
[recent]
plan.require = ["Index Access on orders"]
queries.max = 2
work.buffers = 200

[one_by_one]
queries.max = 2
queries.repeated = 1

[by_status]
plan.forbid = ["Seq Scan on orders"]

[total]
queries.max = 1

[loyalty]
plan.forbid = ["Seq Scan on orders"]

[place]
queries.max = 3
queries.distinct = 2
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, server_cache: str) -> dict[tuple[str, str], dict[str, Any]]:
    """One run of every variant: (function, variant) → the test's entry in the JSON report."""
    project = tmp_path_factory.mktemp("shop")
    for path in (*SHOP.glob("*.py"), SHOP / "schema.sql"):
        shutil.copy(path, project)
    (project / "pyproject.toml").write_text(PROJECT)
    (project / "test_shop.py").write_text(TESTS.replace("VARIANTS", str(list(VARIANTS))))
    (project / "budgets").mkdir()
    (project / "budgets" / "shop.toml").write_text(BUDGETS)
    environ = os.environ | {"PERFBUDGET_CACHE": server_cache, "PERFBUDGET_CI": "0"}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--perf-report=json:perf.json"]
    done = subprocess.run(command, cwd=project, env=environ, capture_output=True, text=True, check=False)
    written = project / "perf.json"
    assert written.exists(), done.stdout + done.stderr
    found = json.loads(written.read_text())["tests"]
    names = (re.search(r"test_(\w+)\[(\w+)\]", test["nodeid"]) for test in found)
    return {(name[1], name[2]): test for name, test in zip(names, found, strict=True) if name}


def planted(variant: str, function: str) -> list[tuple[str, int]]:
    """The file and the lines of what is planted in a function."""
    lines = (SHOP / f"{variant}.py").read_text().splitlines()
    start = next(n for n, line in enumerate(lines) if re.match(rf"(async )?def {function}\(", line))
    end = next((n for n, line in enumerate(lines[start + 1 :], start + 1) if re.match(r"\w", line)), len(lines))
    return [(f"{variant}.py", n + 1) for n in range(start, end) if "# planted" in lines[n]]


def comparable(sql: str) -> str:
    """The identity, without the cast that SQLAlchemy writes for asyncpg alone, and psycopg2 of a time."""
    return identity(re.sub(r"::NUMERIC\(10, 2\)|::timestamptz", "", sql))


def sites(test: dict[str, Any], query: str | None = None) -> set[tuple[str, int]]:
    queries = [one for one in test["queries"] if query in (None, one["id"])]
    return {(site["file"], site["line"]) for one in queries for site in one["sites"]}


FUNCTIONS = ("recent", "one_by_one", "by_status", "total", "loyalty", "place")
EXPECTED = {
    "recent": ("new", [1, 1]),
    "one_by_one": ("over", [1, 20]),
    "by_status": ("regressed", [1]),
    "total": ("over", [2]),
    "loyalty": ("regressed", [1]),
    "place": ("new", [1, 2]),
}


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_contract_is_kept(report: dict[tuple[str, str], dict[str, Any]], variant: str, function: str) -> None:
    test = report[function, variant]
    verdict, calls = EXPECTED[function]
    assert test["verdict"] == verdict
    assert [query["calls"] for query in test["queries"]] == calls
    assert {file for file, _ in sites(test)} == {f"{variant}.py"}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_statements_counts_plans_and_work_are_the_same(
    report: dict[tuple[str, str], dict[str, Any]], function: str
) -> None:
    seen = []
    for variant in VARIANTS:
        queries = report[function, variant]["queries"]
        plans = [[plan["tree"] for plan in query["plans"]] for query in queries]
        work = [query["work"]["rows"] for query in queries if query["work"]]
        seen.append(([comparable(query["sql"]) for query in queries], [q["calls"] for q in queries], plans, work))
    assert seen == [seen[0]] * len(VARIANTS)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(
    ("test", "function", "code"),
    [
        ("one_by_one", "recent_orders_one_by_one", "queries.repeated"),
        ("by_status", "orders_by_status", "plan.forbid"),
        ("total", "order_total", "queries.max"),
        ("loyalty", "loyalty", "plan.forbid"),
    ],
)
def test_what_is_planted_is_found_at_its_line(
    report: dict[tuple[str, str], dict[str, Any]], variant: str, test: str, function: str, code: str
) -> None:
    lines = planted(variant, function)
    entry = report[test, variant]
    (finding,) = [one for one in entry["findings"] if one["code"] == code]
    assert (finding["site"]["file"], finding["site"]["line"]) == lines[0]
    assert sites(entry, finding["query"]) == set(lines)


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_would_cure_the_repetition_is_named(report: dict[tuple[str, str], dict[str, Any]], variant: str) -> None:
    (finding,) = [one for one in report["one_by_one", variant]["findings"] if one["code"] == "queries.repeated"]
    mapped = variant.startswith("shop_sqlalchemy")
    assert finding["fix"].startswith("selectinload(Order.lines)" if mapped else "send it once for all 20")


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_slow_body_of_the_function_is_a_plan_of_the_statement(
    report: dict[tuple[str, str], dict[str, Any]], variant: str
) -> None:
    (query,) = report["loyalty", variant]["queries"]
    assert any("Seq Scan on orders" in line for plan in query["plans"] for line in plan["tree"])
