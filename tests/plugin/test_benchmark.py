"""pytest-benchmark's fixture in a marked test, and pytest-codspeed's."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from conftest import Outcome, Shop

TEST = """
import pytest
from shop import close, recent

@pytest.mark.perf_budget("orders.recent")
def test_recent(benchmark):
    assert len(benchmark(recent, 42)) == 20
"""
PEDANTIC = """
import itertools
import pytest
from shop import close, recent

{timer}
@pytest.mark.perf_budget("orders.recent")
def test_recent(benchmark):
    def setup():
        close(7)
        return (42,), {{}}
    assert len(benchmark.pedantic(recent, setup=setup, rounds={rounds}, iterations=1)) == 20
"""
TIMER = "@pytest.mark.benchmark(timer=itertools.count(0.0, 0.001).__next__)"
"""A call takes a millisecond, whatever the machine does."""
SLOW = """
import time
import shop

recent = shop.recent
def slow(customer):
    until = time.thread_time() + 0.005
    while time.thread_time() < until:
        pass
    return recent(customer)
shop.recent = slow
"""
BRIEF = ("--benchmark-min-rounds=100", "--benchmark-max-time=0.001", "--benchmark-warmup=off")
"""A hundred rounds, so that a p95 can be said, and not a second of them."""


@pytest.fixture
def shop(shop: Shop) -> Shop:
    shop.without = tuple(name for name in shop.without if name not in ("benchmark", "codspeed"))
    shop.write(**{"test_shop.py": TEST})
    return shop


def latency(shop: Shop, limits: str) -> None:
    shop.append("budgets/orders.toml", limits)


def benchmarked(shop: Shop, *arguments: str) -> tuple[Outcome, Mapping[str, object]]:
    path = shop.path / "benchmark.json"
    path.unlink(missing_ok=True)
    done = shop.run(*BRIEF, f"--benchmark-json={path}", *arguments)
    (one,) = json.loads(path.read_text())["benchmarks"] if path.exists() and path.stat().st_size else [{}]
    return done, one.get("extra_info", {}).get("perfbudget", {})


def test_the_calls_are_held_to_latency_and_one_of_them_to_the_rest(shop: Shop) -> None:
    latency(shop, 'latency.p50 = "2 s"\nlatency.mean = "2 s"\n')
    shop.record(*BRIEF)
    done, extra = benchmarked(shop)
    assert done.code == 0, done.text
    (test,) = done.report["tests"]
    assert {one["key"]: one["note"][:28] for one in test["used"]} == {
        "latency.p50": "of the benchmarked function,",
        "latency.mean": "of the benchmarked function,",
    }
    assert [query["calls"] for query in test["queries"]] == [1]
    assert test["queries"][0]["latency"] is None
    assert (extra["budget"], extra["verdict"]) == ("orders.recent", "same")
    assert extra["totals"]["queries.max"] == 1


def test_a_function_that_is_slow_in_itself_fails_though_its_statements_are_fast(shop: Shop) -> None:
    latency(shop, 'latency.p50 = "0.5 ms"\n[recent.query.recent]\nlatency.p50 = "2 s"\n')
    shop.write(**{"conftest.py": SLOW})
    done, extra = benchmarked(shop)
    assert done.code == 1, done.text
    (test,) = done.report["tests"]
    assert {one["code"]: one["verdict"] for one in test["findings"]}["latency.p50"] == "over"
    assert "of the benchmarked function, n=" in done.text
    assert test["queries"][0]["latency"]["p50_ms"] < 2000  # query.NAME is of each statement
    assert extra["verdict"] == "over"


@pytest.mark.parametrize("rounds", [1, 70])
def test_of_rounds_with_a_setup_one_counts(shop: Shop, rounds: int) -> None:
    shop.write(**{"test_shop.py": PEDANTIC.format(rounds=rounds, timer=TIMER)})
    latency(shop, 'latency.p95 = "50 ms"\n')
    text = (shop.path / "budgets/orders.toml").read_text().replace("queries.max = 1", "queries.max = 2")
    (shop.path / "budgets/orders.toml").write_text(text)
    done, _ = benchmarked(shop)
    (test,) = done.report["tests"]
    assert [query["calls"] for query in test["queries"]] == [1, 1]
    verdicts = {one["code"]: one["verdict"] for one in test["findings"]}
    assert verdicts.get("latency.p95", "within") == ("unjudged" if rounds == 1 else "within"), done.text


@pytest.mark.parametrize("arguments", [("--benchmark-disable",), ("-n1",)], ids=["disabled", "xdist"])
def test_without_samples_latency_is_unjudged(shop: Shop, arguments: tuple[str, ...]) -> None:
    latency(shop, 'latency.p50 = "2 s"\n')
    done = shop.run(*arguments)
    (test,) = done.report["tests"]
    words = {one["code"]: one["message"] for one in test["findings"]}
    assert words["latency.p50"].endswith("pytest-benchmark measured nothing: it is disabled in this run")
    assert [query["calls"] for query in test["queries"]] == [1]


def test_a_fixture_that_was_not_called_changes_nothing(shop: Shop) -> None:
    latency(shop, 'latency.p50 = "2 s"\n')
    shop.write(**{"test_shop.py": TEST.replace("benchmark(recent, 42)", "recent(42)")})
    done = shop.run()
    (test,) = done.report["tests"]
    assert test["queries"][0]["latency"]["n"] >= 6
    assert test["used"] == []


MARKED = """
import pytest
from shop import recent

@pytest.mark.benchmark
@pytest.mark.perf_budget("orders.recent")
def test_recent():
    assert len(recent(42)) == 20
"""


@pytest.mark.parametrize(
    "test", [TEST, PEDANTIC.format(rounds=3, timer=""), MARKED], ids=["fixture", "pedantic", "marker"]
)
def test_under_codspeed_the_first_call_counts_and_latency_is_unjudged(shop: Shop, test: str) -> None:
    latency(shop, 'latency.p50 = "2 s"\n')
    text = (shop.path / "budgets/orders.toml").read_text().replace("queries.max = 1", "queries.max = 2")
    (shop.path / "budgets/orders.toml").write_text(text)
    shop.write(**{"test_shop.py": test})
    done = shop.run("--codspeed", "--codspeed-max-time=0.1", "--codspeed-warmup-time=0")
    assert done.code == 0, done.text
    assert "codspeed: " in done.text
    (found,) = done.report["tests"]
    assert [query["calls"] for query in found["queries"]] == [1] * (2 if "pedantic" in test else 1)
    words = {one["code"]: one["message"] for one in found["findings"]}
    assert words["latency.p50"] == "latency.p50: pytest-codspeed keeps no samples"
    assert (shop.path / ".codspeed").exists()  # it has measured
