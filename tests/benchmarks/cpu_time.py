"""What ``cpu.per_call`` gives for statements that do not change, quiet and beside a busy neighbour.

    python tests/benchmarks/cpu_time.py [--repetitions 30] [--statements WORD] [--beside quiet,neighbour]

Each repetition is a whole measurement, as of a statement that is near its limit: at two moments, in between those of
the other statements. Printed are the median of the repetitions, how many lie within ±5 % of it, and by how much the
neighbour moves it. Then changes that alter no count of
blocks, beside the neighbour: how often the figure of the changed statement is 5 % above every one of the old.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from statistics import fmean, median
from time import perf_counter

from tabulate import tabulate

from pytest_perfbudget.capture.replay import Calls
from pytest_perfbudget.measure.cpu import CpuTime, floor, lesser
from pytest_perfbudget.model import Statement
from pytest_perfbudget.postgres.backends import cpu_clock
from pytest_perfbudget.postgres.embedded import Embedded
from pytest_perfbudget.postgres.processors import in_turn
from pytest_perfbudget.postgres.server import Request, Server
from pytest_perfbudget.units import format_seconds

SCHEMA = """
CREATE TABLE orders AS SELECT i id, i % 500 customer, md5(i::text) note FROM generate_series(1, 20000) i;
CREATE INDEX ON orders (customer);
VACUUM (ANALYZE) orders
"""
STATEMENTS = {
    "index, 40 rows": "SELECT * FROM orders WHERE customer = 42",
    "scan, 20,000 rows": "SELECT count(*) FROM orders WHERE customer + 0 < 9",
    "regular expression": "SELECT count(*) FROM orders WHERE note ~ '^a.*9$'",
    "sort": "SELECT note FROM orders ORDER BY note LIMIT 3",
    "join": "SELECT count(*) FROM orders o JOIN orders p USING (id) WHERE o.customer < 50",
    "hash, 20,000 groups": "SELECT note, count(*) FROM orders GROUP BY note LIMIT 3",
}
BLIND = {
    "regular expression per row": (
        "SELECT count(*) FROM orders WHERE customer + 0 < 400",
        "SELECT count(*) FROM orders WHERE customer + 0 < 400 AND note ~ '(a|b)+c.*[0-9]$'",
    ),
    "wider SELECT": ("SELECT id FROM orders WHERE customer < 100", "SELECT * FROM orders WHERE customer < 100"),
    "int to numeric": ("SELECT sum(id) FROM orders", "SELECT sum(id::numeric) FROM orders"),
}
NEIGHBOUR = """
import random, time
memory = bytearray(64 << 20)
while True:
    until = time.monotonic() + random.uniform(0.2, 2)
    while time.monotonic() < until:
        for place in range(0, len(memory), 4096):
            memory[place] = (memory[place] + 1) & 255
    time.sleep(random.uniform(0, 1))
"""


def measured(server: Server, sql: str) -> CpuTime:
    """At one moment: a limit of nothing is one that every backend has to be asked for."""
    with ExitStack() as connections:
        kept, numbers = connections.enter_context(ExitStack()), count()

        def fresh() -> Callable[[int], float]:
            calls = Calls(connections.enter_context(server.connect()), [Statement(sql)])
            backend = calls.connection.info.backend_pid
            clock = cpu_clock(backend, "postgres")
            kept.close()
            kept.enter_context(in_turn(backend, "postgres", next(numbers)))

            def execute(number: int) -> float:
                before = clock()
                for _ in range(number):
                    calls()
                return clock() - before

            return execute

        return floor(fresh, 0.0, perf_counter)


@contextmanager
def neighbour(wanted: bool) -> Iterator[None]:
    if not wanted:
        yield
        return
    with subprocess.Popen([sys.executable, "-c", NEIGHBOUR]) as process:
        try:
            yield
        finally:
            process.kill()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=30)
    parser.add_argument("--statements", default="", help="only those with this word in their name")
    parser.add_argument("--beside", default="quiet,neighbour", type=lambda text: text.split(","))
    arguments = parser.parse_args()
    repetitions = arguments.repetitions
    named = {name: sql for name, sql in STATEMENTS.items() if arguments.statements in name}
    cache = os.environ.get("PERFBUDGET_TEST_CACHE") or tempfile.mkdtemp(prefix="perfbudget-test-cache-")
    Path(cache).chmod(0o755)  # as root the server is another user's
    server = Embedded().start(Request(run=uuid.uuid4().hex, cache=cache))
    try:
        server.admin.execute("DROP TABLE IF EXISTS orders")
        for statement in SCHEMA.split(";"):
            server.admin.execute(statement.encode())
        table(server, named, repetitions, arguments.beside)
        blind_spots(server, max(repetitions // 3, 2))
    finally:
        server.close()


def table(server: Server, statements: Mapping[str, str], repetitions: int, besides: Sequence[str]) -> None:
    quiet: dict[str, float] = {}
    rows = []
    for beside in besides:
        found: dict[str, list[CpuTime]] = {name: [] for name in statements}
        started = perf_counter()
        with neighbour(beside == "neighbour"):
            for _ in range(repetitions):
                first, second = ([measured(server, sql) for sql in statements.values()] for _ in range(2))
                for series, *moments in zip(found.values(), first, second, strict=True):
                    series.append(lesser(*moments))
        spent = (perf_counter() - started) / repetitions / len(statements)
        for name, series in found.items():
            figures = [one.seconds for one in series]
            middle = median(figures)
            quiet.setdefault(name, middle)
            near = sum(abs(figure / middle - 1) <= 0.05 for figure in figures)
            moved = f"{middle / quiet[name] - 1:+.1%}" if beside != besides[0] else ""
            backends = f"{fmean(one.connections for one in series):.1f}"
            low, high = (figure / middle - 1 for figure in (min(figures), max(figures)))
            spread = f"{low:+.1%} … {high:+.1%}"
            took = format_seconds(spent)
            rows.append([name, beside, format_seconds(middle), f"{near}/{repetitions}", spread, moved, backends, took])
    headers = ["statement", "beside", "CPU time", "within 5%", "spread", "moved", "backends", "took"]
    print(tabulate(rows, headers=headers, disable_numparse=True))
    print("load average:", *(f"{load:.1f}" for load in os.getloadavg()), "on", os.cpu_count(), "processors")


def blind_spots(server: Server, repetitions: int) -> None:
    rows = []
    with neighbour(True):
        for name, statements in BLIND.items():
            buffers = [_buffers(server, sql) for sql in statements]
            old, new = ([measured(server, sql).seconds for _ in range(repetitions)] for sql in statements)
            caught = sum(figure > 1.05 * max(old) for figure in new)
            change = f"{median(new) / median(old) - 1:+.0%}"
            rows.append([name, *map(str, buffers), format_seconds(median(old)), format_seconds(median(new)), change,
                         f"{caught}/{repetitions}"])  # fmt: skip
    headers = ["change", "blocks", "then", "CPU time", "then", "by", "caught"]
    print()
    print(tabulate(rows, headers=headers, disable_numparse=True))


def _buffers(server: Server, sql: str) -> int:
    explain = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}"
    for _ in range(2):  # the first reads the catalogues too
        ((plan,),) = server.admin.execute(explain.encode()).fetchone()
    return int(plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"])


if __name__ == "__main__":
    main()
