"""The clock has quiet: no test of another worker runs while something is measured, and nobody waits for ever."""

from __future__ import annotations

import json
from itertools import product

from conftest import Shop

CONFTEST = """
import json
import os
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import pytest

HERE = Path(__file__).parent

def say(**words):
    with (HERE / f"{os.environ.get('PYTEST_XDIST_WORKER', 'main')}.log").open("a") as log:
        print(json.dumps(words), file=log)

@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem):
    began = monotonic()
    try:
        return (yield)
    finally:
        say(kind="test", began=began, ended=monotonic())

def pytest_configure(config):
    from pytest_perfbudget.session.place import Place
    original = Place.undisturbed

    @contextmanager
    def undisturbed(self):
        with original(self) as left:
            began = monotonic()
            yield left
            say(kind="measured", began=began, ended=monotonic())

    Place.undisturbed = undisturbed
"""

TEST = """
import pytest
from shop import recent

@pytest.mark.parametrize("n", range(8))
def test_plain(n):
    sum(range(200_000))

@pytest.mark.perf_budget("orders.recent")
@pytest.mark.parametrize("n", range(4))
def test_timed(n):
    recent(42)
"""

WAITS = """
from pathlib import Path
from time import monotonic, sleep

import pytest
from shop import recent

HERE = Path(__file__).parent
STARTED, DONE = HERE / "started", HERE / "done"

def wait_for(path):
    patience = monotonic() + 60
    while not path.exists() and monotonic() < patience:
        sleep(0.01)
    assert path.exists()

@pytest.mark.perf_budget("orders.recent")
def test_timed(request):
    request.addfinalizer(DONE.touch)
    wait_for(STARTED)
    recent(42)

def test_waits_for_its_end():
    STARTED.touch()
    wait_for(DONE)
"""

BUDGET = '[recent]\nlatency.p50 = "5 s"\n'


def intervals(shop: Shop, kind: str) -> list[tuple[str, float, float]]:
    found = []
    for path in shop.path.glob("*.log"):
        for line in path.read_text().splitlines():
            words = json.loads(line)
            if words["kind"] == kind:
                found.append((path.stem, words["began"], words["ended"]))
    return found


def test_no_test_of_another_worker_runs_while_one_is_timed(shop: Shop) -> None:
    shop.write(**{"conftest.py": CONFTEST, "test_shop.py": TEST, "budgets/orders.toml": BUDGET})
    done = shop.run("-n", "3")
    assert done.code == 0, done.text
    assert all(query["latency"]["n"] >= 6 for test in done.report["tests"] for query in test["queries"])
    tests, measured = intervals(shop, "test"), intervals(shop, "measured")
    assert (len(tests), len(measured)) == (12, 4)
    assert len({worker for worker, *_ in tests}) == 3
    for (tester, began, ended), (timer, start, end) in product(tests, measured):
        assert tester == timer or ended <= start or end <= began


def test_a_test_that_waits_for_the_one_that_is_timed_is_not_waited_for(shop: Shop) -> None:
    shop.write(**{"test_shop.py": WAITS, "budgets/orders.toml": BUDGET})
    done = shop.run("-n", "2", "--dist=load", environ={"PERFBUDGET_MEASURE_WAIT": "100 ms"})
    assert done.code == 0, done.text
    assert "latency.p50: tests of other workers did not end within 100 ms (measure_wait)" in done.text


def test_a_run_measures_no_longer_than_it_may(shop: Shop) -> None:
    shop.write(**{"test_shop.py": TEST, "budgets/orders.toml": BUDGET})
    done = shop.run("-k", "timed", environ={"PERFBUDGET_MEASURE_CAP": "1 us"})
    assert done.code == 0, done.text
    assert done.text.count("the run has measured for the 1 µs that it may (measure_cap)") == 3


def test_what_only_a_transaction_sees_is_not_timed_without_it(shop: Shop) -> None:
    test = """
import os
import psycopg
import pytest

@pytest.mark.perf_budget("orders.recent")
def test_uncommitted():
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        connection.execute("INSERT INTO orders SELECT i, 777777, 'open', 1 FROM generate_series(30000, 30010) i")
        assert len(connection.execute("SELECT id FROM orders WHERE customer_id = 777777").fetchall()) == 11
        connection.rollback()
"""
    budget = BUDGET + "latency.writes = true\n"
    shop.write(**{"test_shop.py": test, "budgets/orders.toml": budget})
    done = shop.run()
    assert done.code == 0, done.text
    assert "executed again on another connection it gave 0 rows, in the test 11" in done.text
