"""Pools side by side: the adaptive one against fixed sizes at 1, 4, 16 and 64 threads, and what a check-out costs.

    python tests/benchmarks/pool.py [--rounds 9] [--seconds 0.5]

Each round takes every pool once, in an order of its own; a ratio is that of one round, to the size that was best in the
other rounds. Every round has connections of its own: two backends of one server differ by themselves by some percent,
and the best of seven pools would be the one with the luckiest. The adaptive pool has found its size before the first
round, and keeps it while the others have their turn: its cool-down is longer than the comparison.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import threading
import time
import uuid
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from psycopg_pool import ConnectionPool

from pytest_perfbudget.pool import AdaptivePool, Policy
from pytest_perfbudget.postgres.embedded import Embedded
from pytest_perfbudget.postgres.profile import DETERMINISTIC, Level, Setting
from pytest_perfbudget.postgres.server import Request

SIZES = (1, 2, 4, 8, 16, 32, 64)
THREADS = (1, 4, 16, 64)
LOADS = {
    "waits 5 ms": "SELECT pg_sleep(0.005)",
    "computes": "SELECT count(*) FROM generate_series(1, 2000)",
}
COOL_DOWN = 5.0
FINDING = 10.0
"""Seconds in which the adaptive pool finds its size: doubling, and one trial."""


def throughput(pool: ConnectionPool[Any], threads: int, sql: str, seconds: float) -> float:
    """Check-outs with one statement each, per second."""
    done, end = [0] * threads, time.perf_counter() + seconds

    def work(number: int) -> None:
        while time.perf_counter() < end:
            with pool.connection() as connection:
                connection.execute(sql)
            done[number] += 1

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    started = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(done) / (time.perf_counter() - started)


def renew(pool: ConnectionPool[Any], threads: int, sql: str) -> None:
    """New connections, each used a few times."""
    pool.drain()
    while pool.get_stats()["pool_available"] < pool.get_stats()["pool_size"]:
        time.sleep(0.005)
    throughput(pool, threads, sql, 0.15)


def measure(dsn: str, load: str, threads: int, rounds: int, seconds: float) -> tuple[dict[Any, list[float]], int]:
    """Statements per second of every pool in every round, and the size the adaptive one found."""
    options = {"kwargs": {"autocommit": True}, "open": True}
    sql, rates = LOADS[load], dict[Any, list[float]]()
    with ExitStack() as pools:
        made: dict[Any, ConnectionPool[Any]] = {
            size: pools.enter_context(ConnectionPool(dsn, min_size=size, max_size=size, **options)) for size in SIZES
        }
        adaptive = pools.enter_context(
            AdaptivePool(dsn, min_size=1, max_size=64, policy=Policy(cool_down=600), **options)
        )
        made["adaptive"] = adaptive
        for pool in made.values():
            pool.wait()
        throughput(adaptive, threads, sql, FINDING)
        for _ in range(rounds):
            for name in random.sample(list(made), len(made)):
                renew(made[name], threads, sql)
                rates.setdefault(name, []).append(throughput(made[name], threads, sql, seconds))
        return rates, adaptive.get_stats()["pool_size"]


def compare(dsn: str, load: str, threads: int, rounds: int, seconds: float) -> None:
    rates, found = measure(dsn, load, threads, rounds, seconds)

    def best_but_for(n: int | None) -> int:
        return max(SIZES, key=lambda size: median(rate for at, rate in enumerate(rates[size]) if at != n))

    ratio = median(ours / rates[best_but_for(n)][n] for n, ours in enumerate(rates["adaptive"]))
    best, fixed = best_but_for(None), "  ".join(f"{size}:{median(rates[size]):.0f}" for size in SIZES)
    print(
        f"{load:<10} {threads:>2} threads  adaptive ({found:>2} connections) {median(rates['adaptive']):6.0f}/s  "
        f"best fixed {best:>2}: {median(rates[best]):6.0f}/s  ratio {ratio:.3f}    {fixed}",
        flush=True,
    )


def after_the_load(dsn: str) -> None:
    """Seconds until the pool is back at its minimum."""
    with AdaptivePool(dsn, min_size=1, max_size=64, policy=Policy(cool_down=COOL_DOWN)) as pool:
        throughput(pool, 64, LOADS["waits 5 ms"], 3)
        size, ended = pool.get_stats()["pool_size"], time.perf_counter()
        while pool.get_stats()["pool_size"] > 1:
            time.sleep(0.01)
        took = time.perf_counter() - ended
    print(f"{size} connections, back at 1 {took:.2f} s after the load (cool-down {COOL_DOWN:g} s)")


def checkout(dsn: str, times: int = 2000, rounds: int = 41) -> None:
    """Microseconds that the account adds to getconn and putconn; median of paired differences."""

    def one(pool: ConnectionPool[Any]) -> float:
        started = time.perf_counter()
        for _ in range(times):
            pool.putconn(pool.getconn())
        return (time.perf_counter() - started) / times * 1e6

    with ExitStack() as pools:
        plain = pools.enter_context(ConnectionPool(dsn, min_size=1, open=True))
        ours = {sites: pools.enter_context(AdaptivePool(dsn, sites=sites, open=True)) for sites in (True, False)}
        for pool in (plain, *ours.values()):
            pool.wait()
        costs: dict[Any, list[float]] = {True: [], False: [], None: []}
        for _ in range(rounds):
            base = one(plain)
            costs[None].append(base)
            for sites, pool in ours.items():
                costs[sites].append(one(pool) - base)
    print(
        f"check-out and return: psycopg_pool {median(costs[None]):.1f} µs, "
        f"account +{median(costs[False]):.1f} µs, with the line that took it +{median(costs[True]):.1f} µs"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="perfbudget-pool-") as cache:
        Path(cache).chmod(0o755)
        room = Setting("max_connections", "300", "every pool is open at once", Level.SERVER)
        profile = replace(DETERMINISTIC, settings=(*DETERMINISTIC.settings, room))
        server = Embedded().start(Request(run=uuid.uuid4().hex, cache=cache, profile=profile))
        try:
            server.admin.execute("CREATE DATABASE pooled")
            dsn = server.dsn("pooled")
            checkout(dsn)
            after_the_load(dsn)
            for load in LOADS:
                for threads in THREADS:
                    compare(dsn, load, threads, asked.rounds, asked.seconds)
        finally:
            server.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
