"""What a hit of the query cache costs: against a GET of the same bytes with the same decoding, and against PostgreSQL.

    python tests/benchmarks/query_cache.py --calls 5000

The three are measured in turns, in one process, on the embedded servers. p50 in microseconds.
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

CASES = {
    "1 row": ("SELECT * FROM items WHERE id = %s", (7,)),
    "200 rows": ("SELECT * FROM items WHERE id <= %s", (200,)),
}


def timed(what: Callable[[], object]) -> float:
    began = time.perf_counter()
    what()
    return (time.perf_counter() - began) * 1e6


def measure(dsn: str, url: str, calls: int) -> None:
    with ConnectionPool(dsn, min_size=1, max_size=1) as pool, Redis.from_url(url) as client:
        cache = QueryCache(url, pool)
        cache.install()
        direct = psycopg.connect(dsn, autocommit=True)
        for name, (statement, parameters) in CASES.items():
            client.flushdb()
            cache.fetch(statement, parameters)
            cache.fetch(statement, parameters)
            (key,) = client.scan_iter("*:e:*")
            entry_name = key.decode().rpartition(":")[2]

            def get(key: bytes = key, entry_name: str = entry_name) -> object:
                entry = entries.decode(client.get(key), entry_name, b"", 1_000_000)
                assert entry
                return entries.rows(entry)

            def hit(statement: str = statement, parameters: tuple[int] = parameters) -> object:
                return cache.fetch(statement, parameters)

            def run(statement: str = statement, parameters: tuple[int] = parameters) -> object:
                return direct.execute(statement, parameters).fetchall()

            taken: dict[Callable[[], object], list[float]] = {hit: [], get: [], run: []}
            order = list(taken)
            for _ in range(calls):
                shuffle(order)  # who comes after whom finds another cache, and another server awake
                for what in order:
                    taken[what].append(timed(what))
            ours, theirs, server = (statistics.median(taken[what]) for what in (hit, get, run))
            print(
                f"{name}: hit {ours:.0f} us, GET {theirs:.0f} us, ratio {ours / theirs:.2f}; PostgreSQL {server:.0f} us"
            )


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
        measure(postgres.dsn("cached"), valkey.fresh().url, calls)
    finally:
        valkey.close()
        postgres.close()


if __name__ == "__main__":
    main()
