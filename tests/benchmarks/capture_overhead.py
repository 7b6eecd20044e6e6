"""What watching psycopg costs a statement: paired, interleaved in one process, medians.

    python tests/benchmarks/capture_overhead.py DSN_WITHOUT_AUTO_EXPLAIN [DSN_WITH_AUTO_EXPLAIN]

Prints microseconds added on the client side and, with the second DSN, with server-side plans; and the ratios.
"""

from __future__ import annotations

import sys
import tracemalloc
from statistics import median
from time import perf_counter, process_time

import psycopg

from pytest_perfbudget.capture.hub import Hub
from pytest_perfbudget.capture.psycopg3 import Psycopg3

ROUNDS, PER_ROUND = 150, 20


def timed(connection: psycopg.Connection, query: str) -> tuple[float, float]:
    """Seconds of one statement, the mean of a round: on the clock, and of this process's CPU."""
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
    for connection in (without, watched):
        timed(connection, query)
    for turn in range(ROUNDS):
        for side in ((0, 1), (1, 0))[turn % 2]:
            if side:
                if record:
                    driver.install(hub)
                    hub.start()
                on.append(timed(watched, query))
                hub.stop()
                driver.uninstall()
            else:
                off.append(timed(without, query))
    added, cpu = (median(b[n] - a[n] for a, b in zip(off, on, strict=True)) for n in (0, 1))
    base = median(a[0] for a in off)
    ratio = (base + added) / base
    print(f"{name:<28} {base * 1e6:7.1f} µs  {added * 1e6:+6.1f} µs  ratio {ratio:.3f}  CPU {cpu * 1e6:+6.1f} µs")


def memory(connection: psycopg.Connection, n: int = 20_000) -> None:
    hub, driver = Hub(), Psycopg3()
    hub.watch(connection.info.dbname)
    driver.install(hub)
    tracemalloc.start()
    hub.start()
    for one in range(n):
        connection.execute("SELECT %s::int + 1", (one,))
    statements = hub.stop()
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    driver.uninstall()
    print(f"memory of {len(statements):,} statements      {kept / n:5.0f} B each, {peak / n:.0f} B at the peak")


def main(plain: str, plans: str | None) -> None:
    query = "SELECT %s::int + 1"
    with psycopg.connect(plain, autocommit=True) as one, psycopg.connect(plain, autocommit=True) as two:
        compare("null, one connection", one, one, query, record=False)
        compare("client side", one, one, query)
        compare("client side, two connections", one, two, query)
        if plans:
            with psycopg.connect(plans, autocommit=True) as explained:
                compare("with server-side plans", one, explained, query)
                memory(explained)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None)
