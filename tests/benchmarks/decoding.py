"""What a licence costs where a replication slot covers the writers: without a slot, with nothing to read, behind
commits, and behind WAL that the slot keeps because a transaction runs.

    python tests/benchmarks/decoding.py --calls 200

Each figure is the median of as many licences, in milliseconds, on the embedded servers.
"""

from __future__ import annotations

import argparse
import statistics
import time
import uuid
from collections.abc import Callable

import psycopg
from psycopg_pool import ConnectionPool

from pytest_perfbudget.cache import QueryCache, RedisRequest, Settings, embedded
from pytest_perfbudget.cache.queries import reads
from pytest_perfbudget.postgres.embedded import Embedded
from pytest_perfbudget.postgres.profile import DETERMINISTIC, Level, Setting
from pytest_perfbudget.postgres.server import Request

LOGICAL = DETERMINISTIC.with_settings("logical", Setting("wal_level", "logical", "slots are read", Level.SERVER))


def licences(cache: QueryCache, calls: int, before: Callable[[], object] = lambda: None) -> float:
    """Milliseconds; ``before`` each of them something happens."""
    taken = []
    for _ in range(calls):
        before()
        began = time.perf_counter()
        with cache._lent() as connection:
            place = cache._driving.drive(reads.licence(cache._state, cache._state.clock()), connection)
        taken.append((time.perf_counter() - began) * 1e3)
        assert place, cache.report()
    return statistics.median(taken)


def measure(dsn: str, url: str, calls: int) -> None:
    with ConnectionPool(dsn, min_size=1, max_size=2) as pool, psycopg.connect(dsn, autocommit=True) as direct:
        cache = QueryCache(url, pool, Settings(licence=0))
        cache.install()
        direct.execute("CREATE TABLE items (id int PRIMARY KEY, text text)")
        direct.execute("INSERT INTO items SELECT n, repeat('x', 100) FROM generate_series(1, 1000) n")

        def commits(number: int) -> Callable[[], object]:
            return lambda: [
                direct.execute("UPDATE items SET text = text WHERE id = %s", (n,)) for n in range(1, number + 1)
            ]

        print(f"no slot {licences(cache, calls):.2f} ms")
        cache.decode()
        print(f"a slot, nothing to read {licences(cache, calls):.2f} ms")
        print(f"behind 1 commit {licences(cache, calls, commits(1)):.2f} ms")
        print(f"behind 100 commits {licences(cache, calls // 10, commits(100)):.2f} ms")
        with psycopg.connect(dsn) as running:
            running.execute("INSERT INTO items VALUES (0, '')")
            for size in (16, 64):
                while kept(direct) < size:
                    direct.execute("UPDATE items SET text = text")
                licences(cache, 1)
                print(f"with {size} MB kept {licences(cache, calls // 10, commits(1)):.2f} ms")
        cache.undecode()
        cache.close()


def kept(direct: psycopg.Connection[tuple[float]]) -> float:
    """Megabytes of WAL that are read for each licence."""
    found = direct.execute("SELECT pg_current_wal_lsn() - restart_lsn FROM pg_replication_slots").fetchone()
    assert found
    return float(found[0]) / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=200)
    calls = parser.parse_args().calls
    server = Embedded().start(Request(run=uuid.uuid4().hex, profile=LOGICAL))
    valkey = embedded.Embedded().start(RedisRequest(run=uuid.uuid4().hex, server="embedded"))
    try:
        server.admin.execute("CREATE DATABASE bench")
        measure(server.dsn("bench"), valkey.fresh().url, calls)
        server.admin.execute("DROP DATABASE bench WITH (FORCE)")
    finally:
        valkey.close()
        server.close()


if __name__ == "__main__":
    main()
