"""What watching psycopg costs a statement: paired, interleaved in one process, medians.

    python tests/benchmarks/capture_overhead.py [--memory]

Prints microseconds added on the client side and with server-side plans; the ratios; and what 100,000 statements of one
test take of memory and of time, by ten thousands: only that with ``--memory``.
"""

from __future__ import annotations

import sys
import tracemalloc
from statistics import median
from time import perf_counter, process_time

import psycopg
from capture_databases import plain_and_plans

from pytest_perfbudget.capture.hub import Hub
from pytest_perfbudget.capture.psycopg3 import Psycopg3

ROUNDS, PER_ROUND, WARM = 150, 50, 25
MANY = 100_000
SMALL = "SELECT %s::int + 1"
SLOWER = "SELECT count(*) FROM pg_class WHERE relpages > %s"
"""About 150 µs."""


def timed(connection: psycopg.Connection, query: str) -> tuple[float, float]:
    """Seconds of one statement, the mean of a round: on the clock, and of this process's CPU."""
    for n in range(WARM):
        connection.execute(query, (n,))
    started, cpu = perf_counter(), process_time()
    for n in range(PER_ROUND):
        connection.execute(query, (n,))
    return (perf_counter() - started) / PER_ROUND, (process_time() - cpu) / PER_ROUND


def compare(
    name: str, without: psycopg.Connection, watched: psycopg.Connection, query: str, record: bool = True
) -> None:
    """With ``record`` false both sides are unwatched: what the comparison itself gets wrong."""
    hub, driver = Hub(), Psycopg3()
    hub.watch(watched.info.dbname)
    off, on = [], []
    for turn in range(ROUNDS):
        for side in ((0, 1), (1, 0))[turn % 2]:
            if side and record:
                driver.install(hub)
                hub.start()
                on.append(timed(watched, query))
                hub.stop()
                driver.uninstall()
            else:
                (on if side else off).append(timed(watched if side else without, query))
    added, cpu = (median(b[n] - a[n] for a, b in zip(off, on, strict=True)) for n in (0, 1))
    base = median(a[0] for a in off)
    ratio = (base + added) / base
    print(f"{name:<36} {base * 1e6:7.1f} µs  {added * 1e6:+6.1f} µs  ratio {ratio:.3f}  CPU {cpu * 1e6:+6.1f} µs")


def memory(connection: psycopg.Connection, query: str, what: str) -> None:
    """tracemalloc's figures, and the clock's of a second pass without it."""
    hub, driver = Hub(), Psycopg3()
    hub.watch(connection.info.dbname)
    driver.install(hub)
    tracemalloc.start()
    hub.start()
    for one in range(MANY):
        connection.execute(query, (one,))
    recorded = tracemalloc.get_traced_memory()[0]
    statements = hub.stop()
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    count = len(statements)
    del statements
    hub.start()
    parts = []
    for part in range(10):
        started = perf_counter()
        for one in range(MANY // 10):
            connection.execute(query, (part * (MANY // 10) + one,))
        parts.append((perf_counter() - started) / (MANY // 10) * 1e6)
    hub.stop()
    driver.uninstall()
    each = ", ".join(
        f"{figure / count:.0f} B {words}"
        for words, figure in [("while the test runs", recorded), ("as its statements", kept), ("at the peak", peak)]
    )
    times = " ".join(f"{part:.0f}" for part in parts)
    print(f"{count:,} statements, {what}: {each}; µs each, by ten thousands: {times}")


def overhead(plain: str, plans: str) -> None:
    with psycopg.connect(plain, autocommit=True) as one, psycopg.connect(plain, autocommit=True) as two:
        compare("null, one connection", one, one, SMALL, record=False)
        compare("client side", one, one, SMALL)
        compare("client side, two connections", one, two, SMALL)
        with psycopg.connect(plans, autocommit=True) as explained, psycopg.connect(plans) as within:
            compare("with server-side plans", one, explained, SMALL)
            compare("with server-side plans", one, explained, SLOWER)
            compare("with plans, in a transaction", one, within, SLOWER)


def main() -> None:
    with plain_and_plans() as (plain, plans):
        if "--memory" not in sys.argv:
            overhead(plain, plans)
        with psycopg.connect(plans, autocommit=True) as explained:
            memory(explained, SMALL, "equal plans")
        with psycopg.connect(plans, autocommit=True, prepare_threshold=None) as explained:
            memory(explained, "SELECT relname FROM pg_class WHERE oid = %s", "each with a plan of its own")


if __name__ == "__main__":
    main()
