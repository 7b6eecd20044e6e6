"""What a hit of the query cache costs: against a GET of the same bytes with the same decoding, and against PostgreSQL.
And what a write costs: on a connection of psycopg, on one of the cache, and to a table with keys.

    python tests/benchmarks/query_cache.py --calls 5000

All are measured in turns, in one process, on the embedded servers. p50 in microseconds. ``GET`` is that of redis-py's
client, ``bare GET`` a command on one of its connections, which is what the cache sends.
"""

from __future__ import annotations

import argparse
import statistics
import time
import uuid
from collections.abc import Callable
from random import shuffle

import psycopg
from psycopg_pool import ConnectionPool
from redis import Redis

from pytest_perfbudget.cache import QueryCache, RedisRequest, embedded
from pytest_perfbudget.cache.queries import entries
from pytest_perfbudget.postgres.embedded import Embedded
from pytest_perfbudget.postgres.server import Request

Connection = psycopg.Connection[tuple[object, ...]]
CASES = {
    "1 row": ("SELECT * FROM items WHERE id = %s", (7,)),
    "1 row by key": ("SELECT * FROM keyed WHERE id = %s", (7,)),
    "200 rows": ("SELECT * FROM items WHERE id <= %s", (200,)),
}


def timed(what: Callable[[], object]) -> float:
    began = time.perf_counter()
    what()
    return (time.perf_counter() - began) * 1e6


def in_turns(what: dict[str, Callable[[], object]], calls: int) -> dict[str, float]:
    """The median of each, in microseconds."""
    taken: dict[str, list[float]] = {name: [] for name in what}
    order = list(what)
    for _ in range(calls):
        shuffle(order)  # who comes after whom finds another cache, and another server awake
        for name in order:
            taken[name].append(timed(what[name]))
    return {name: statistics.median(found) for name, found in taken.items()}


def measure(dsn: str, url: str, calls: int) -> None:
    with ConnectionPool(dsn, min_size=1, max_size=1) as pool, Redis.from_url(url) as client:
        cache = QueryCache(url, pool)
        cache.install()
        cache.key("keyed", "id")
        direct = psycopg.connect(dsn, autocommit=True)
        for name, case in CASES.items():
            client.flushdb()
            found = in_turns(read(cache, direct, client, *case), calls)
            told = ", ".join(f"{what} {taken:.0f}" for what, taken in found.items())
            print(f"{name}: {told} us; hit / GET {found['hit'] / found['GET']:.2f}")
        write(cache, direct, calls // 5)


def read(
    cache: QueryCache, direct: Connection, client: Redis, statement: str, parameters: tuple[int]
) -> dict[str, Callable[[], object]]:
    """The same rows by four ways, once they are kept."""
    for _ in range(3):
        cache.fetch(statement, parameters)
    (key,) = client.scan_iter("*:e:*")
    entry_name = key.decode().rpartition(":")[2]

    def decoded(data: bytes) -> object:
        entry = entries.decode(data, entry_name, b"", 1_000_000)
        assert entry
        return entries.rows(entry)

    return {
        "hit": lambda: cache.fetch(statement, parameters),
        "GET": lambda: decoded(client.get(key)),
        "bare GET": lambda: decoded(cache._store._said("GET", key)),
        "PostgreSQL": lambda: direct.execute(statement, parameters).fetchall(),
    }


def write(cache: QueryCache, direct: Connection, calls: int) -> None:
    change = "UPDATE {} SET price = price + 1 WHERE id = 7"

    def ours(table: str) -> None:
        with cache.connection() as connection:
            connection.execute(change.format(table))

    ours("items")
    time.sleep(1.0)  # a server that was started just now holds commits back
    found = in_turns(
        {
            "of psycopg": lambda: direct.execute(change.format("items").encode()),
            "announced": lambda: ours("items"),
            "announced, with keys": lambda: ours("keyed"),
        },
        calls,
    )
    print("a write: " + ", ".join(f"{what} {taken:.0f} us" for what, taken in found.items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=3000)
    calls = parser.parse_args().calls
    postgres = Embedded().start(Request(run=uuid.uuid4().hex))
    valkey = embedded.Embedded().start(RedisRequest(run=uuid.uuid4().hex, server="embedded"))
    try:
        postgres.admin.execute("CREATE DATABASE cached")
        with psycopg.connect(postgres.dsn("cached"), autocommit=True) as connection:
            connection.execute("CREATE TABLE items (id int PRIMARY KEY, name text, price numeric, made timestamptz)")
            connection.execute(
                "INSERT INTO items SELECT n, 'item ' || n, n / 7.0, '2026-01-01'::timestamptz + n * interval '1 h' "
                "FROM generate_series(1, 1000) n"
            )
            connection.execute("CREATE TABLE keyed (LIKE items INCLUDING ALL); INSERT INTO keyed SELECT * FROM items")
        measure(postgres.dsn("cached"), valkey.fresh().url, calls)
    finally:
        valkey.close()
        postgres.close()


if __name__ == "__main__":
    main()
