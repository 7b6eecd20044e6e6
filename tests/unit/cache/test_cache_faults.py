"""The query cache where something is wrong: no Redis, another one, entries that are not ours; many callers at once."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import Rollback
from psycopg_pool import AsyncConnectionPool, ConnectionPool
from redis import Redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from pytest_perfbudget.cache import AsyncQueryCache, QueryCache, Settings, embedded
from pytest_perfbudget.errors import CacheError

ALL = "SELECT id, name FROM items ORDER BY id"


@pytest.fixture
def pool(items: str) -> Iterator[ConnectionPool]:
    with ConnectionPool(items, min_size=1, max_size=12) as pool:
        yield pool


@pytest.fixture
def cache(pool: ConnectionPool, redis_url: str) -> Iterator[QueryCache]:
    cache = QueryCache(redis_url, pool, Settings(licence=0.2), pause=0)
    cache.install()
    yield cache
    cache.close()


def entry(redis: Redis) -> bytes:
    (name,) = redis.scan_iter("*:e:*")
    return bytes(name)


def test_without_redis_statements_run_and_are_counted(pool: ConnectionPool) -> None:
    cache = QueryCache("redis://127.0.0.1:1/0", pool)
    cache.install()
    assert cache.fetch(ALL) == cache.fetch(ALL)
    with cache.connection() as connection:
        connection.execute("DELETE FROM items WHERE id > 1")
    assert cache.fetch(ALL) == [(1, "item 1")]
    report = cache.report()
    assert (report["executed"], report["unreachable"], report["owed"]) == (3, 3, 1)
    assert "ConnectionError" in str(report["redis"])


def test_a_writer_without_redis_is_seen_by_readers_with_it(cache: QueryCache, pool: ConnectionPool) -> None:
    cut_off = QueryCache("redis://127.0.0.1:1/0", pool, Settings(licence=0.2))
    cache.fetch(ALL)
    for left in (50, 7):
        cache.fetch(ALL)
        with cut_off.connection() as connection:
            connection.execute("DELETE FROM items WHERE id > %s", (left,))
        assert len(cache.fetch(ALL)) == left
    cache.fetch(ALL)
    with pool.connection() as connection:
        assert connection.execute("SELECT count(*) FROM perfbudget_cache_debt").fetchone() == (0,)


@pytest.mark.parametrize(
    "setting", ["TimeZone = 'Asia/Tokyo'", "DateStyle = 'German'", "IntervalStyle = 'sql_standard'"]
)
def test_writers_whose_settings_are_others_are_seen(cache: QueryCache, dsn: str, redis_url: str, setting: str) -> None:
    cache.fetch(ALL)
    with cache.connection() as connection:
        connection.execute(f"SET LOCAL {setting}")
        connection.execute("DELETE FROM items WHERE id > 50")
    assert len(cache.fetch(ALL)) == len(cache.fetch(ALL)) == 50
    name, _, value = setting.replace("'", "").partition(" = ")
    with ConnectionPool(dsn, min_size=1, kwargs={"options": f"-c {name}={value}"}) as pool:
        for url, left in ((redis_url, 7), ("redis://127.0.0.1:1/0", 3)):
            other = QueryCache(url, pool, Settings(licence=0.2))
            with other.connection() as connection:
                connection.execute("DELETE FROM items WHERE id > %s", (left,))
            other.fetch(ALL)
            assert len(cache.fetch(ALL)) == len(cache.fetch(ALL)) == left
            other.close()


def test_a_redis_that_is_full_is_no_reason_for_stale_rows(cache: QueryCache, redis: Redis) -> None:
    cache.fetch(ALL)
    redis.config_set("maxmemory", 1)
    try:
        with cache.connection() as connection:
            connection.execute("DELETE FROM items WHERE id > 1")
        assert cache.fetch(ALL) == cache.fetch(ALL) == [(1, "item 1")]
        assert cache.report()["owed"] == 1
        assert "maxmemory" in str(cache.report()["redis"])
        assert "hits" not in cache.report()
    finally:
        redis.config_set("maxmemory", 0)
    assert cache.fetch(ALL) == cache.fetch(ALL) == [(1, "item 1")]
    assert cache.report()["hits"] == 1


def test_a_redis_that_has_become_a_replica_gives_no_hits(cache: QueryCache, redis: Redis, pool: ConnectionPool) -> None:
    """Its master, which writers have marked meanwhile, is not to be reached from it."""
    assert cache.fetch(ALL) == cache.fetch(ALL)
    redis.replicaof("127.0.0.1", 1)
    try:
        with pool.connection() as connection:  # as one that marks counters of the master
            connection.execute("DELETE FROM items WHERE id > 1")
        time.sleep(0.25)
        assert cache.fetch(ALL) == cache.fetch(ALL) == [(1, "item 1")]
        assert cache.report()["hits"] == 1
        assert "read only replica" in str(cache.report()["redis"])
    finally:
        redis.replicaof("NO", "ONE")


def test_a_redis_that_does_not_answer_delays_one_statement(pool: ConnectionPool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}"
        cache = QueryCache(url, pool, Settings(licence=0.01), timeout=0.1, pause=3600)
        cache.install()
        with cache.connection() as connection:
            connection.execute("DELETE FROM items WHERE id > 1")
        for _ in range(20):
            assert cache.fetch(ALL) == [(1, "item 1")]
        silent.setblocking(False)
        silent.accept()
        with pytest.raises(BlockingIOError):  # nobody has tried again
            silent.accept()
    assert "Timeout" in str(cache.report()["redis"])


def test_the_mark_of_a_transaction_that_could_not_be_prepared_is_settled(
    cache: QueryCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.fetch(ALL)
    steps = []
    monkeypatch.setattr(
        cache._store, "answer", lambda step, answer=cache._store.answer: steps.append(step) or answer(step)
    )
    with cache.connection() as connection:
        connection.execute("DELETE FROM items WHERE id > 1")
        with pytest.raises(CacheError, match="prepare"):
            connection.execute("PREPARE TRANSACTION 'x'")
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
            connection.prepare("'x'")  # max_prepared_transactions is 0, and its mark is left behind
    assert [step.command for step in steps] == ["mark"]
    assert len(cache.fetch(ALL)) == len(cache.fetch(ALL)) == 100
    assert cache.report()["hits"] == 1


def test_a_writer_killed_after_its_commit_leaves_nothing_stale(
    cache: QueryCache, monkeypatch: pytest.MonkeyPatch, redis: Redis
) -> None:
    cache.fetch(ALL)
    answer = cache._store.answer
    monkeypatch.setattr(cache._store, "answer", lambda step: answer(step) if step.command != "settle" else 1)
    with cache.connection() as connection:
        connection.execute("DELETE FROM items WHERE id > 1")
    assert any(b"|" in (redis.get(key) or b"") for key in redis.scan_iter("*:v:*"))
    assert cache.fetch(ALL) == cache.fetch(ALL) == [(1, "item 1")]
    assert cache.report()["hits"] == 1


def test_a_commit_that_waits_for_a_standby_is_not_taken_for_one_that_is_seen(
    cache: QueryCache, monkeypatch: pytest.MonkeyPatch, direct: psycopg.Connection[tuple[object, ...]]
) -> None:
    cache.fetch(ALL)
    answer = cache._store.answer
    monkeypatch.setattr(cache._store, "answer", lambda step: answer(step) if step.command != "settle" else 1)

    def write() -> None:
        with cache.connection() as connection:
            connection.execute("SET LOCAL synchronous_commit = on")
            connection.execute("DELETE FROM items WHERE id > 1")

    writer = threading.Thread(target=write)
    direct.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    try:
        direct.execute("SELECT pg_reload_conf()")
        while direct.execute("SHOW synchronous_standby_names").fetchone() != ("nobody",):
            time.sleep(0.01)
        writer.start()
        while not direct.execute("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'").fetchone():
            time.sleep(0.01)
        direct.execute("SELECT pg_current_xact_id()")  # a later transaction that has ended
        assert len(cache.fetch(ALL)) == 100  # its status is committed, nobody sees it
    finally:
        direct.execute("ALTER SYSTEM RESET synchronous_standby_names")
        direct.execute("SELECT pg_reload_conf()")
    writer.join()
    assert cache.fetch(ALL) == cache.fetch(ALL) == [(1, "item 1")]


def test_another_run_of_redis_is_another_cache(cache: QueryCache, redis: Redis) -> None:
    cache.fetch(ALL)
    run = redis.info("server")["run_id"][:16]
    assert all(run.encode() in key for key in redis.scan_iter("*"))
    for key in redis.scan_iter("*"):
        redis.rename(key, key.replace(run.encode(), b"earlier"))
    cache._store._run = "earlier"
    cache.fetch(ALL)
    assert cache.report()["hits"] == 1  # as if that run were still there
    cache._store.disconnect()  # it restarts, and has loaded what it once saved
    cache.fetch(ALL)
    assert cache.report()["hits"] == 1


@pytest.mark.parametrize(
    "spoilt",
    [
        pytest.param(lambda data: b"PBQ0" + data[4:], id="another format"),
        pytest.param(lambda data: data[:-1], id="cut"),
        pytest.param(lambda data: data[:-1] + bytes([data[-1] ^ 1]), id="altered"),
        pytest.param(lambda data: b"", id="empty"),
        pytest.param(lambda data: b"\x80\x04K\x01.", id="a pickle"),
    ],
)
def test_what_is_not_ours_is_refused(cache: QueryCache, redis: Redis, spoilt: object) -> None:
    right = cache.fetch(ALL)
    redis.set(entry(redis), spoilt(redis.get(entry(redis))))  # type: ignore[operator]
    assert cache.fetch(ALL) == right
    assert cache.report()["refused"] >= 1
    assert cache.fetch(ALL) == right
    assert cache.report()["hits"] == 1


@pytest.mark.parametrize(
    "spoilt",
    [
        pytest.param(b"%s|<x", id="up to nobody"),
        pytest.param("%s|²".encode(), id="a digit of no number"),
        pytest.param(b"%s|99999999999999999999999", id="an id above all"),
        pytest.param(b"%s|-1,?", id="an id below all"),
        pytest.param(b"%s|\xff\x00", id="no text"),
        pytest.param(b"%s|,,|", id="no ids"),
        pytest.param(b"|", id="nothing"),
        pytest.param(b"", id="empty"),
    ],
)
def test_counters_that_others_wrote_make_no_statement_fail(cache: QueryCache, redis: Redis, spoilt: bytes) -> None:
    cache.fetch(ALL)
    for key in redis.scan_iter("*:v:*"):
        redis.set(key, spoilt.replace(b"%s", bytes(redis.get(key) or b"")))
    for left in (50, 7):
        assert cache.fetch(ALL) == cache.fetch(ALL)
        with cache.connection() as connection:
            connection.execute("DELETE FROM items WHERE id > %s", (left,))
        assert len(cache.fetch(ALL)) == left


def test_an_entry_of_another_secret_is_refused(cache: QueryCache, pool: ConnectionPool, redis_url: str) -> None:
    right = cache.fetch(ALL)
    other = QueryCache(redis_url, pool, Settings(secret=b"known to few"))
    assert other.fetch(ALL) == right
    assert other.report()["refused"] >= 1


def test_large_results_are_compressed_and_too_large_ones_not_kept(
    cache: QueryCache, pool: ConnectionPool, redis_url: str, redis: Redis
) -> None:
    plain = QueryCache(redis_url, pool, Settings(compress_from=1_000_000))
    plain.fetch(ALL)
    size = redis.strlen(entry(redis))
    redis.delete(entry(redis))
    packed = QueryCache(redis_url, pool, Settings(compress_from=100))
    assert packed.fetch(ALL) == packed.fetch(ALL)
    assert packed.report()["hits"] == 1
    assert redis.strlen(entry(redis)) < size / 2
    redis.delete(entry(redis))
    small = QueryCache(redis_url, pool, Settings(largest=100))
    small.fetch(ALL)
    assert small.report() == {"executed": 1, "too_large": 1}


def test_entries_expire_those_without_rows_sooner(cache: QueryCache, redis: Redis) -> None:
    cache.fetch(ALL)
    assert 3_200_000 < redis.pttl(entry(redis)) <= 3_600_000
    redis.flushdb()
    assert cache.fetch("SELECT id FROM items WHERE id = -1") == []
    assert 50_000 < redis.pttl(entry(redis)) <= 60_000


CALLERS = """
import json, sys, threading
from psycopg_pool import ConnectionPool
from pytest_perfbudget.cache import QueryCache, Settings

dsn, url, statement = sys.argv[1:]
with ConnectionPool(dsn, min_size=16, max_size=16) as pool:
    pool.wait()
    cache = QueryCache(url, pool, Settings(flight=60), timeout=5)
    found, go = [], threading.Barrier(17)

    def call():
        go.wait()
        found.append(cache.fetch(statement, (1,)))

    threads = [threading.Thread(target=call) for _ in range(16)]
    for thread in threads:
        thread.start()
    print("ready", flush=True)
    sys.stdin.readline()
    go.wait()
    for thread in threads:
        thread.join()
    print(json.dumps([found, cache.report()]), flush=True)
"""


def test_64_threads_of_4_processes_execute_a_cold_statement_once(cache: QueryCache, dsn: str, redis_url: str) -> None:
    slow = "SELECT count(*) FROM items a, items b, items c WHERE a.id + b.id + c.id > %s"
    command = [sys.executable, "-c", CALLERS, dsn, redis_url, slow]
    callers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert [caller.stdout.readline() for caller in callers if caller.stdout] == ["ready\n"] * 4
    for caller in callers:
        assert caller.stdin
        caller.stdin.write("\n")
        caller.stdin.flush()
    told = [json.loads(caller.communicate(timeout=60)[0]) for caller in callers]
    assert [rows for found, _ in told for rows in found] == [[[1_000_000]]] * 64
    reports = [report for _, report in told]
    assert sum(report.get("executed", 0) for report in reports) == 1
    assert sum(report.get("hits", 0) + report.get("shared", 0) for report in reports) == 63
    assert all("redis" not in report for report in reports)


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("SELECT 1 / (id - id) FROM items", id="when it is executed"),
        pytest.param("SELECT 1 / (2 - 2)", id="when it is planned"),
        pytest.param("SELECT nothing FROM items", id="when it is read"),
    ],
)
def test_a_statement_that_fails_lets_the_next_caller_try(cache: QueryCache, redis: Redis, statement: str) -> None:
    for _ in range(2):
        with pytest.raises((psycopg.errors.DivisionByZero, psycopg.errors.UndefinedColumn)):
            cache.fetch(statement)
        assert not list(redis.scan_iter("*:f:*"))
    assert "alone" not in cache.report()


def test_sql_that_ends_the_transaction_is_announced_or_refused(cache: QueryCache) -> None:
    cache.fetch(ALL)
    with cache.connection() as connection:
        connection.execute("DELETE FROM items WHERE id > 3")
        connection.execute("COMMIT")
        assert len(cache.fetch(ALL)) == 3
        with pytest.raises(CacheError, match="chain"):
            connection.execute("COMMIT AND CHAIN")
        with pytest.raises(CacheError, match="several"):
            connection.execute("DELETE FROM items; COMMIT")
        with connection.transaction():
            connection.execute("DELETE FROM items WHERE id > 2")
            with connection.transaction():
                connection.execute("DELETE FROM items")
                raise Rollback
        assert len(cache.fetch(ALL)) == 2
        with connection.cursor().copy("COPY items FROM STDIN") as copying:
            copying.write_row((9, "copied"))
    assert len(cache.fetch(ALL)) == 3


def test_the_async_cache_shares_entries_and_keeps_the_promise(cache: QueryCache, dsn: str, redis_url: str) -> None:
    cache.fetch(ALL)

    async def scenario() -> None:
        async with AsyncConnectionPool(dsn, min_size=1, open=False) as pool:
            other = AsyncQueryCache(redis_url, pool)
            assert len(await other.fetch(ALL)) == 100
            assert other.report() == {"hits": 1}
            async with other.connection() as connection:
                await connection.execute("DELETE FROM items WHERE id > 5")
                async with connection.cursor().copy("COPY items FROM STDIN") as copying:
                    await copying.write_row((9, "copied"))
                async with connection.transaction():
                    await connection.execute("DELETE FROM items WHERE id = 1")
            assert len(await other.fetch(ALL)) == 5
            await other.close()

    asyncio.run(scenario())
    assert len(cache.fetch(ALL)) == 5


@pytest.mark.parametrize(
    "change",
    ["DELETE FROM items WHERE id > 1", "TRUNCATE items", "DELETE FROM boxes", "INSERT INTO parts_1 VALUES (1)"],
)
def test_a_writer_that_uses_no_cache_is_seen_within_the_licence(
    cache: QueryCache, direct: psycopg.Connection[tuple[object, ...]], change: str
) -> None:
    direct.execute("""
        CREATE TABLE boxes (id int PRIMARY KEY); INSERT INTO boxes VALUES (1);
        ALTER TABLE items ADD box int DEFAULT 1 REFERENCES boxes ON DELETE CASCADE;
        CREATE TABLE parts (id int) PARTITION BY RANGE (id);
        CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10)""")
    cache.cover("items", "parts")
    statement = "SELECT (SELECT count(*) FROM items), (SELECT count(*) FROM parts)"
    before = cache.fetch(statement)
    cache.fetch(statement)
    with direct.transaction():
        direct.execute(change)
        direct.execute(change)
    time.sleep(0.2)
    after = cache.fetch(statement)
    assert after == direct.execute(statement).fetchall() != before
    assert cache.fetch(statement) == after
    assert cache.report()["hits"] == 2


def test_a_writer_of_the_cache_leaves_no_debt_on_covered_tables(
    cache: QueryCache, direct: psycopg.Connection[tuple[object, ...]]
) -> None:
    cache.cover("items")
    with cache.connection() as connection:
        connection.execute("DELETE FROM items WHERE id > 1")
    assert direct.execute("SELECT count(*) FROM perfbudget_cache_debt").fetchone() == (0,)
    with direct.transaction():
        direct.execute("DELETE FROM items")
        direct.execute("DELETE FROM items")
    assert direct.execute("SELECT count(*) FROM perfbudget_cache_debt").fetchone() == (1,)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[str]:
    """A cluster of one node that has all slots."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = embedded._program()
    assert program
    options = ["--port", str(port), "--bind", "127.0.0.1", "--cluster-enabled", "yes", "--cluster-port", str(port + 1)]
    node = subprocess.Popen([program, *options, "--dir", str(tmp_path), "--save", ""], stdout=subprocess.DEVNULL)
    try:
        with Redis(port=port, retry=Retry(ConstantBackoff(0.1), 100)) as client:
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            while b"cluster_state:ok" not in bytes(client.execute_command("CLUSTER", "INFO", NEVER_DECODE=[])):
                time.sleep(0.05)
        yield f"redis://127.0.0.1:{port}"
    finally:
        node.terminate()
        node.wait()


def test_an_entry_and_its_counters_share_a_slot_of_a_cluster(pool: ConnectionPool, cluster: str) -> None:
    cache = QueryCache(cluster, pool, timeout=5, cluster=True)
    cache.install()
    assert cache.fetch(ALL) == cache.fetch(ALL)
    with cache.connection() as connection:
        connection.execute("DELETE FROM items WHERE id > 1")
    assert cache.fetch(ALL) == cache.fetch(ALL) == [(1, "item 1")]
    assert cache.report() == {"executed": 2, "kept": 2, "hits": 2}
    with Redis.from_url(cluster) as client:
        slots = {client.execute_command("CLUSTER", "KEYSLOT", key) for key in client.scan_iter("*")}
    assert len(slots) == 1
    cache.close()


def shut_down(cluster: str) -> None:
    with Redis.from_url(cluster, retry=Retry(ConstantBackoff(0), 0)) as client:
        client.shutdown(nosave=True)


def test_without_its_cluster_statements_run(pool: ConnectionPool, cluster: str) -> None:
    cache = QueryCache(cluster, pool, Settings(licence=0.01), timeout=0.5, pause=0, cluster=True)
    cache.install()
    cache.fetch(ALL)
    shut_down(cluster)
    late = QueryCache(cluster, pool, Settings(licence=0.01), timeout=0.5, pause=0, cluster=True)
    for one, left in ((cache, 50), (late, 7)):
        assert one.fetch(ALL)
        with one.connection() as connection:
            connection.execute("DELETE FROM items WHERE id > %s", (left,))
        assert len(one.fetch(ALL)) == left
        assert one.report()["owed"] == 1
        assert one.report()["redis"]
        one.close()


def test_without_its_cluster_the_async_cache_runs_statements(pool: ConnectionPool, items: str, cluster: str) -> None:
    shut_down(cluster)

    async def scenario() -> None:
        async with AsyncConnectionPool(items, min_size=1, open=False) as connections:
            cache = AsyncQueryCache(cluster, connections, timeout=0.5, pause=0, cluster=True)
            await cache.install()
            assert len(await cache.fetch(ALL)) == 100
            assert cache.report()["unreachable"]
            await cache.close()

    asyncio.run(scenario())
