"""``perf_cache`` and budgets of caches, as users meet them: on a real Valkey."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from conftest import Shop, steady
from snapshots import matches

from pytest_perfbudget.report.json import SCHEMA

SNAPSHOTS = Path(__file__).with_name("snapshots")

PROJECT = """
[tool.perfbudget]
seed = ["schema.sql"]
server = "embedded"
redis = "embedded"
env = "DATABASE_URL"
"""

APP = """
import os
import threading
import psycopg
import redis

def recent(cache, customer):
    return cache.fetch("SELECT id, total FROM orders WHERE customer_id = %s ORDER BY id", (customer,))

def total(cache, order):
    return cache.fetch("SELECT total FROM orders WHERE id = %s", (order,))

def behind_its_back():
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        connection.execute("UPDATE orders SET total = 4711 WHERE id = 42")

def user(client, number):
    value = client.get(f"user:{number}")
    if value is None:
        value = f"user {number}"
        client.set(f"user:{number}", value, ex=60)
    return value

def keep(client, number):
    client.set(f"order:{number}", "x" * 100)

def crowd(client, n):
    missed = threading.Barrier(n)
    def recompute():
        client.get("report")
        missed.wait()
        client.set("report", "computed", ex=60)
    threads = [threading.Thread(target=recompute) for _ in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""

FIXTURES = """
import pytest, redis

@pytest.fixture
def client(perf_redis):
    with redis.Redis.from_url(perf_redis.url) as client:
        yield client
"""


@pytest.fixture
def cached(shop: Shop) -> Shop:
    shop.write(**{"pyproject.toml": PROJECT, "app.py": APP, "conftest.py": FIXTURES, "budgets/orders.toml": ""})
    return shop


def write(shop: Shop, body: str, budget: str, takes: str = "client") -> None:
    lines = "\n".join(f"    {line}" for line in body.strip().splitlines())
    head = "import asyncio\nimport pytest\nfrom app import *\n\n"
    test = f'{head}@pytest.mark.perf_budget("orders.cached")\ndef test_cached({takes}):\n{lines}\n'
    shop.write(**{"test_shop.py": test, "budgets/orders.toml": f"[cached]\n{budget}\n"})


def line(text: str) -> int:
    return next(n for n, one in enumerate(APP.splitlines(), 1) if text in one)


VERIFIED = """
from app import *

def test_verified(perf_cache):
    for _ in range(3):
        assert recent(perf_cache, 7)
    with perf_cache.connection() as connection:
        connection.execute("UPDATE orders SET total = 1 WHERE customer_id = 7")
    assert recent(perf_cache, 7) == recent(perf_cache, 7)
    assert perf_cache.verify() >= 3

def test_each_test_begins_anew(perf_cache):
    assert recent(perf_cache, 7)[0][1] != 1
    assert perf_cache.report()["executed"] == 1
"""


def test_the_fixture_is_one_line_and_verifies(cached: Shop) -> None:
    cached.write(**{"test_shop.py": VERIFIED})
    done = cached.run("-W", "error", reported=False)
    assert done.code == 0, done.text
    assert "2 passed" in done.text


STALE = """
from app import *

def test_stale(perf_cache):
    total(perf_cache, 42)
    behind_its_back()
    total(perf_cache, 42)
    perf_cache.verify()
"""


def test_verify_fails_on_what_a_writer_changed_behind_the_cache_and_names_it(cached: Shop) -> None:
    cached.write(**{"test_shop.py": STALE})
    done = cached.run(reported=False)
    assert done.code == 1, done.text
    start = done.text.index("StaleError:")
    told = [text.removeprefix("E").strip() for text in done.text[start:].splitlines()]
    matches(SNAPSHOTS / "cache_verify.txt", "\n".join(told[: told.index("") + 10]))


def test_stale_answers_that_nobody_asked_about_are_a_warning(cached: Shop) -> None:
    cached.write(**{"test_shop.py": STALE.replace("    perf_cache.verify()\n", "")})
    done = cached.run(reported=False)
    assert done.code == 0, done.text
    assert "perf_cache: an answer of the cache is not what PostgreSQL gives" in done.text


TWO_READS = "recent(perf_cache, 7)\nrecent(perf_cache, 7)\n"


def test_what_verify_asks_again_counts_for_no_budget(cached: Shop) -> None:
    write(cached, TWO_READS + "for _ in range(20): perf_cache.verify()", 'cache.hit_rate = "60%"', "perf_cache")
    done = cached.run()
    assert done.code == 1, done.text
    assert "1 of 2 reads" in done.text


def test_round_trips_do_not_depend_on_the_clock(cached: Shop) -> None:
    turns = []
    for between in ("", "import time; time.sleep(0.6)\n"):
        write(cached, between.join([TWO_READS, TWO_READS, ""]), "cache.round_trips = 90", "perf_cache")
        done = cached.run()
        assert done.code == 0, done.text
        turns.append([one["value"] for one in done.report["tests"][0]["used"]])
    assert turns[0] == turns[1]


def test_staleness_is_unjudged_where_nothing_was_hit(cached: Shop) -> None:
    write(cached, "recent(perf_cache, 7)", "cache.stale = 0", "perf_cache")
    done = cached.run("--perf-strict")
    assert done.code == 1, done.text
    assert "no answer of an entry was compared, as there was none: read twice" in done.text


def test_verify_of_a_test_without_a_hit_fails(cached: Shop) -> None:
    test = "from app import *\ndef test_it(perf_cache):\n    recent(perf_cache, 7)\n    perf_cache.verify()\n"
    cached.write(**{"test_shop.py": test})
    done = cached.run(reported=False)
    assert done.code == 1
    assert "nothing was verified" in done.text


ASYNC = """
import asyncio, pytest
from app import behind_its_back

async def total(cache):
    return await cache.fetch("SELECT total FROM orders WHERE id = %s", (42,))

async def fresh(cache):
    await asyncio.gather(*(total(cache) for _ in range(5)))
    async with cache.connection() as connection:
        await connection.execute("UPDATE orders SET total = 1 WHERE id = 42")
    assert await total(cache) == await total(cache)
    return await cache.verify()

def test_fresh(perf_acache):
    assert asyncio.run(fresh(perf_acache)) >= 2

@pytest.fixture
def loop():
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()

def test_a_loop_that_is_still_there(loop, perf_acache):
    assert loop.run_until_complete(fresh(perf_acache)) >= 2

def test_never_used(perf_acache):
    pass

async def stale(cache):
    await total(cache)
    behind_its_back()
    await total(cache)
    await cache.verify()

def test_stale(perf_acache):
    with pytest.raises(AssertionError, match="4711"):
        asyncio.run(stale(perf_acache))
"""


def test_the_async_fixture_lives_in_the_loop_of_the_test(cached: Shop) -> None:
    cached.write(**{"test_shop.py": ASYNC})
    done = cached.run("-W", "error", reported=False)
    assert done.code == 0, done.text
    assert "4 passed" in done.text


ALL = """
cache.hit_rate = "50%"
cache.stale = 0
cache.stampede = 0
cache.round_trips = 30
cache.bytes = "8 kB"
cache.no_ttl = 0
"""


def test_the_query_cache_within_its_budget(cached: Shop) -> None:
    """What the cache asks PostgreSQL and Redis for itself is neither a statement nor a key without an expiry."""
    body = "for _ in range(4):\n    recent(perf_cache, 7)"
    write(cached, body, f"{ALL}queries.max = 1", "perf_cache")
    done = cached.run("--perf-strict")
    assert done.code == 0, done.text
    used = {one["key"]: one for one in done.report["tests"][0]["used"]}
    assert used["cache.hit_rate"]["value"] == 0.75
    assert used["cache.hit_rate"]["note"] == "QueryCache: 3 of 4 reads"
    assert used["cache.stale"]["note"] == "QueryCache: 3 hits compared"
    assert used["cache.round_trips"]["value"] > 3
    assert len(done.report["tests"][0]["queries"]) == 1


def test_a_writer_of_the_cache_sends_what_it_was_given(cached: Shop) -> None:
    body = """
total(perf_cache, 42)
with perf_cache.connection() as connection:
    connection.execute("UPDATE orders SET total = 1 WHERE id = 42")
assert total(perf_cache, 42) == total(perf_cache, 42)
"""
    write(cached, body, "queries.max = 3\ncache.stale = 0", "perf_cache")
    done = cached.run()
    assert done.code == 0, done.text
    assert [(query["sql"][:6], query["calls"]) for query in done.report["tests"][0]["queries"]] == [
        ("SELECT", 2),
        ("UPDATE", 1),
    ]


def test_a_report_of_caches_keeps_to_the_schema(cached: Shop) -> None:
    write(cached, "user(client, 1)\nrecent(perf_cache, 7)", ALL, "client, perf_cache")
    done = cached.run()
    assert {one["key"] for one in done.report["tests"][0]["used"]} == {
        line.partition(" ")[0] for line in ALL.strip().splitlines()
    }
    jsonschema.validate(done.report, json.loads(SCHEMA.read_text()))


CROWD = """
import threading
from psycopg_pool import ConnectionPool
from pytest_perfbudget.cache import QueryCache, Settings

WAITING = "SELECT count(*) FROM pg_locks WHERE relation = 'orders'::regclass AND NOT granted"

def two_at_once(cache):
    \"\"\"Both executions wait for a lock, which goes once they do.\"\"\"
    total(cache, 42)
    with cache.connection() as connection:
        connection.execute("UPDATE orders SET total = 1 WHERE id = 42")
    threads = [threading.Thread(target=total, args=(cache, 42)) for _ in range(2)]
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        connection.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        for n, thread in enumerate(threads, 1):
            thread.start()
            while connection.execute(WAITING).fetchone()[0] < n:
                pass
    for thread in threads:
        thread.join()
"""


def test_a_stampede_of_a_query_cache_whose_callers_do_not_wait(cached: Shop) -> None:
    # Two pools: for a second after DDL a backend announces another schema, and what a read depends on is learned anew.
    body = """
with ConnectionPool(os.environ["DATABASE_URL"], min_size=1, open=True) as pool:
    QueryCache(perf_redis.url, pool).install()
with ConnectionPool(os.environ["DATABASE_URL"], min_size=3, open=True) as pool:
    two_at_once(QueryCache(perf_redis.url, pool, Settings(flight=0.001)))
"""
    write(cached, body, "cache.stampede = 0", "perf_redis")
    cached.append("app.py", CROWD)
    done = cached.run()
    assert done.code == 1, done.text
    assert "2 at once of SELECT total FROM orders WHERE id = %s (42,)" in done.text


def test_many_callers_of_a_query_cache_are_no_stampede(cached: Shop) -> None:
    body = """
threads = [threading.Thread(target=recent, args=(perf_cache, 7)) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""
    write(cached, body, 'cache.stampede = 0\ncache.hit_rate = "80%"\nqueries.max = 1', "perf_cache")
    done = cached.run()
    assert done.code == 0, done.text


def test_a_hit_rate_with_a_stale_answer_does_not_count(cached: Shop) -> None:
    body = "for _ in range(3):\n    total(perf_cache, 42)\nbehind_its_back()\ntotal(perf_cache, 42)"
    write(cached, body, 'cache.hit_rate = "50%"\ncache.stale = 0', "perf_cache")
    done = cached.run()
    assert done.code == 1, done.text
    assert done.codes & {"cache.hit_rate", "cache.stale"} == {"cache.hit_rate", "cache.stale"}
    matches(SNAPSHOTS / "cache_stale.txt", steady(failure(done.text)))


def failure(text: str) -> str:
    lines = text.splitlines()
    start = next(n for n, one in enumerate(lines) if one.startswith("perfbudget  orders.cached"))
    end = next(n for n in range(start, len(lines)) if lines[n].startswith(("=", "_", "-", "perfbudget:")))
    return "\n".join(lines[start:end])


OWN_POOL = """
import os
from psycopg_pool import ConnectionPool
from pytest_perfbudget.cache import QueryCache

def application(url):
    pool = ConnectionPool(os.environ["DATABASE_URL"], min_size=1, max_size=2, open=True)
    cache = QueryCache(url, pool)
    cache.install()
    return pool, cache
"""


def test_the_application_s_own_query_cache_is_compared_as_well(cached: Shop) -> None:
    body = """
pool, cache = application(perf_redis.url)
with pool:
    total(cache, 42)
    total(cache, 42)
    behind_its_back()
    total(cache, 42)
"""
    write(cached, body, "cache.stale = 0", "perf_redis")
    cached.append("app.py", OWN_POOL)
    done = cached.run()
    assert done.code == 1, done.text
    (finding,) = [f for f in done.report["tests"][0]["findings"] if f["code"] == "cache.stale"]
    assert finding["measured"] == 1
    assert "of 2 hits compared" in done.text
    assert f"asked at   app.py:{line('SELECT total FROM')} (total)" in done.text


FOREIGN = "for _ in range(3):\n    user(client, 1)\nfor number in range(2, 4):\n    user(client, number)"


@pytest.mark.parametrize(
    ("budget", "body", "code"),
    [
        ('cache.hit_rate = "90%"', FOREIGN, "cache.hit_rate"),
        ("cache.round_trips = 7", FOREIGN, "cache.round_trips"),
        ('cache.bytes = "20 bytes"', FOREIGN, "cache.bytes"),
        ("cache.stampede = 2", "crowd(client, 4)", "cache.stampede"),
        ("cache.no_ttl = 1", "keep(client, 1)\nkeep(client, 2)", "cache.no_ttl"),
    ],
)
def test_the_application_s_client_over_its_budget(cached: Shop, budget: str, body: str, code: str) -> None:
    """None of these tests sends a statement, and none of their budgets speaks of one."""
    write(cached, body, budget)
    done = cached.run()
    assert done.code == 1, done.text
    assert done.codes == {code}
    matches(SNAPSHOTS / f"{code.replace('.', '_')}.txt", steady(failure(done.text)))


def test_the_application_s_client_within_its_budget(cached: Shop) -> None:
    write(cached, FOREIGN, ALL.replace("50%", "40%"))
    done = cached.run()
    assert done.code == 0, done.text
    used = {one["key"]: one["value"] for one in done.report["tests"][0]["used"]}
    assert (used["cache.hit_rate"], used["cache.round_trips"], used["cache.no_ttl"]) == (0.4, 8, 0)
    verdicts = {f["code"]: f["verdict"] for f in done.report["tests"][0]["findings"]}
    assert verdicts == {"cache.hit_rate": "unjudged", "cache.stale": "unjudged"}
    assert "nobody can tell a stale one" in done.report["tests"][0]["findings"][0]["message"]
    assert cached.run("--perf-strict").code == 1


ASYNC_CLIENT = """
import redis.asyncio

async def read(client):
    values = await asyncio.gather(*(client.get(f"key:{n}") for n in range(3)))
    async with client.pipeline() as pipe:
        for n in range(3):
            pipe.set(f"key:{n}", n)
        await pipe.execute()
    return values

async def main(url):
    async with redis.asyncio.Redis.from_url(url) as client:
        await read(client)
"""


def test_the_async_client_with_the_line_that_made_the_call(cached: Shop) -> None:
    write(cached, "asyncio.run(main(perf_redis.url))", 'cache.hit_rate = "1%"\ncache.no_ttl = 0', "perf_redis")
    cached.append("app.py", "import asyncio\n" + ASYNC_CLIENT)
    done = cached.run()
    assert done.code == 1, done.text
    text = (cached.path / "app.py").read_text().splitlines()
    gathered = next(n for n, one in enumerate(text, 1) if "gather" in one)
    piped = next(n for n, one in enumerate(text, 1) if "pipe.execute" in one)
    assert f"0 of 3 reads, most misses at app.py:{gathered}" in done.text
    assert f"key:0 at app.py:{piped}" in done.text


def test_a_budget_of_caches_whose_test_uses_none_fails(cached: Shop) -> None:
    write(cached, "behind_its_back()", "cache.stale = 0")
    done = cached.run()
    assert done.code == 1
    assert (
        "the test sent no command to Redis and asked no query cache (watched: redis-py, valkey-py, QueryCache)"
        in done.text
    )


def test_a_hit_rate_of_a_test_that_only_writes_fails(cached: Shop) -> None:
    write(cached, "keep(client, 1)", 'cache.hit_rate = "1%"')
    done = cached.run()
    assert done.code == 1
    assert "the test read nothing of redis-py" in done.text


def test_both_caches_of_a_test_are_held_to_the_budget_by_themselves(cached: Shop) -> None:
    body = "user(client, 1)\nfor _ in range(4):\n    recent(perf_cache, 7)"
    write(cached, body, 'cache.hit_rate = "50%"\ncache.round_trips = 2', "client, perf_cache")
    done = cached.run()
    assert done.code == 1, done.text
    found = [f for f in done.report["tests"][0]["findings"] if f["code"].startswith("cache.")]
    assert [(f["code"], f["measured"]) for f in found if f["code"] == "cache.hit_rate"] == [("cache.hit_rate", 0.0)]
    assert [f["measured"] > 3 for f in found if f["code"] == "cache.round_trips"] == [True]
    assert "redis-py, 0 of 1 reads" in done.text
    assert {one["note"].partition(":")[0] for one in done.report["tests"][0]["used"]} == {"redis-py", "QueryCache"}


def test_budgets_of_caches_with_xdist(cached: Shop) -> None:
    """Each worker's databases are its own, and what is open in one of them holds back no cache of another."""
    write(cached, FOREIGN, 'cache.hit_rate = "90%"')
    ours = "".join(
        f"""
@pytest.mark.perf_budget(cache={{"hit_rate": "50%", "stale": 0}})
def test_ours_{n}(perf_cache):
    recent(perf_cache, 7), recent(perf_cache, 7)
"""
        for n in range(4)
    )
    cached.append("test_shop.py", ours)
    done = cached.run("-n", "2")
    assert done.code == 1
    assert "2 of 5 reads, most misses at" in done.text
    assert "1 failed, 4 passed" in done.text
