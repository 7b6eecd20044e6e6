"""An application in another process, started by the test: what it sends is judged by the server's log."""

from __future__ import annotations

import pytest
from conftest import PROJECT, Shop
from machine import needs_image

APPLICATION = """
import os
import psycopg

QUERY = "SELECT id, total FROM orders WHERE customer_id = %s ORDER BY id DESC LIMIT 20"

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        return
    dsn, comment = os.environ["DATABASE_URL"], "/*action='recent',route='%%2Forders'*/"
    with psycopg.connect(dsn, application_name="shop") as connection:
        rows = connection.execute(f"{QUERY} {comment}", (int(scope["path"].strip("/")),)).fetchall()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(len(rows)).encode()})
"""

CONFTEST = """
import socket, subprocess, sys, time, urllib.request
import pytest

@pytest.fixture(scope="session")
def shop():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        command = [sys.executable, "-m", "uvicorn", "--fd", str(listening.fileno()), "application:app"]
        with subprocess.Popen(command, pass_fds=[listening.fileno()]) as process:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
            process.terminate()
"""

TEST = """
import urllib.request
import pytest

@pytest.mark.perf_budget("orders.recent")
def test_recent(shop):
    assert urllib.request.urlopen(f"{shop}/42").read() == b"20"
"""

BUDGET = """
[recent]
plan.require = ["Index Access on orders"]
queries.max = 1

[recent.query.recent]
work.buffers = 120

[recent.query."/orders"]
queries.rows = 20
"""


@pytest.fixture
def served(shop: Shop) -> Shop:
    shop.write(
        **{"application.py": APPLICATION, "conftest.py": CONFTEST, "test_shop.py": TEST, "budgets/orders.toml": BUDGET},
        **{"pyproject.toml": PROJECT + "server_log = true\n"},
    )
    return shop


def test_its_statements_are_held_to_the_budget_and_to_the_baseline(served: Shop) -> None:
    served.record()
    done = served.ci()
    assert done.code == 0, done.text
    (query,) = done.report["tests"][0]["queries"]
    assert query["sites"] == [{"file": "application shop", "line": 0}]
    assert query["plans"][0]["source"] == "auto_explain"
    served.lose_index()
    done = served.ci()
    assert done.code == 1
    assert done.verdicts == {"test_recent": "regressed"}
    assert "(application shop)" in done.text
    assert "cause  index orders_customer_idx is gone from the schema" in done.text
    assert "tried: buffers" in done.text


def test_without_the_setting_the_test_saw_nothing_and_fails(served: Shop) -> None:
    served.write(**{"pyproject.toml": PROJECT})
    done = served.run()
    assert done.code == 1
    assert "the test ran no statement" in done.text
    assert "server_log = true" in done.text


def test_workers_tell_their_statements_apart(served: Shop) -> None:
    served.append("test_shop.py", MORE)
    served.record()
    before = served.baseline().read_bytes()
    done = served.ci("-n", "2")
    assert done.code == 0, done.text
    served.record("-n", "2")
    assert served.baseline().read_bytes() == before


MORE = """
@pytest.mark.parametrize("customer", range(1, 9))
@pytest.mark.perf_budget("orders.recent")
def test_customers(shop, customer):
    assert urllib.request.urlopen(f"{shop}/{customer}").read() == b"20"
"""


def test_a_transcript_shows_the_application(served: Shop) -> None:
    done = served.run("--perf-explain")
    assert done.code == 0, done.text
    assert "   application shop\n" in done.text


def test_statements_of_both_sides_are_counted_once(served: Shop) -> None:
    served.append("test_shop.py", BOTH)
    done = served.run("-k", "both")
    assert done.code == 1
    figures = {f["metric"]: f["measured"] for f in done.report["tests"][0]["findings"] if f["verdict"] == "over"}
    assert figures == {"queries.max": 2}


BOTH = """
import os, psycopg

@pytest.mark.perf_budget("orders.recent")
def test_both(shop):
    urllib.request.urlopen(f"{shop}/42").read()
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        connection.execute("SELECT id FROM orders WHERE customer_id = 7")
"""


def test_a_part_of_a_test_sees_the_application(served: Shop) -> None:
    served.write(**{"budgets/orders.toml": "[recent]\nqueries.max = 2\n"})
    served.append("test_shop.py", PART)
    done = served.run("-k", "part")
    assert done.code == 0, done.text


PART = """
@pytest.mark.parametrize("marked", [pytest.param(True, marks=pytest.mark.perf_budget("orders.recent")), False])
def test_part(shop, perf, marked):
    perf.run("SELECT 1 AS before")
    with perf.capture() as seen:
        assert len(seen) == 0
        urllib.request.urlopen(f"{shop}/42").read()
        assert len(seen) == 1
    assert [str(one.site) for one in seen] == ["application shop"]
    assert seen.rows == 20
    assert len(perf.statements) == 2
"""


def test_a_server_by_its_dsn_that_writes_no_log_as_data_is_refused(served: Shop, server_cache: str) -> None:
    from pytest_perfbudget.postgres.embedded import Embedded
    from pytest_perfbudget.postgres.server import Request

    other = Embedded().start(Request("nolog", cache=server_cache))
    try:
        done = served.run(f"--perf-server={other.dsn('postgres')}")
        assert done.code == 4
        assert "the server writes no jsonlog (logging_collector = off, log_destination = stderr)" in done.text
        other.admin.execute("CREATE ROLE plain LOGIN CREATEDB")
        done = served.run(f"--perf-server={other.dsn('postgres').replace('postgres@', 'plain@')}")
        other.admin.execute("DROP ROLE plain")
        assert done.code == 4
        assert "server_log: plain is no superuser" in done.text
    finally:
        other.close()


def test_a_server_by_its_dsn_that_writes_one_is_read(served: Shop, server_cache: str) -> None:
    from pytest_perfbudget.postgres.embedded import Embedded
    from pytest_perfbudget.postgres.server import Request

    other = Embedded().start(Request("logs", cache=server_cache, logs=True))
    try:
        done = served.run(f"--perf-server={other.dsn('postgres')}")
        assert done.code == 0, done.text
        assert done.report["run"]["postgres"]["server"] == "dsn"
    finally:
        other.close()


@needs_image("postgres:18")
def test_a_container_is_read(served: Shop) -> None:
    done = served.run("--perf-server=container")
    assert done.code == 0, done.text
    assert done.report["run"]["postgres"]["server"] == "container"


def test_a_logged_statement_can_be_sent_again_with_its_parameters(served: Shop) -> None:
    again = '[recent]\nplan.generic = true\nlatency.p50 = "5 s"\nplan.rules.PB208 = "on"\n'
    served.write(**{"budgets/orders.toml": again})
    served.record()
    done = served.ci()
    assert done.code == 0, done.text
    (query,) = done.report["tests"][0]["queries"]
    assert query["generic"]["tree"]
    assert query["latency"]["n"] > 0
    assert not [note for note in query["rules"] if "failed" in note["message"]]
