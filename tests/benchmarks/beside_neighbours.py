"""How often a budget on time or throughput fails an unchanged statement because others keep the machine busy.

    python tests/benchmarks/beside_neighbours.py [--neighbours 2] [--replicates 10] [--headroom 5%]

Each statement is measured on the quiet machine; its limits are set that much (``--headroom``) away from what was seen
there, which is tighter than a budget should be, and it is judged again beside neighbours that never pause, each with a
core and 64 MB. Nothing has changed, so that each ``failed`` is wrong. ``least`` and ``most`` are the figures beside
them, as a share of the quiet one; those of ``latency.baseline`` are changes of its figure against ten quiet ones.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from statistics import median
from time import perf_counter
from types import SimpleNamespace
from typing import Any

from cpu_time import SCHEMA, STATEMENTS
from gate_power import clopper_pearson
from layouts import server
from tabulate import tabulate

from pytest_perfbudget.budgets.budget import Budget, Limit, Slowdown
from pytest_perfbudget.capture.replay import Calls
from pytest_perfbudget.errors import At
from pytest_perfbudget.measure.stored import Recorded
from pytest_perfbudget.model import Environment, Finding, QueryEvidence, Statement, TestEvidence, Verdict
from pytest_perfbudget.postgres.server import Server
from pytest_perfbudget.session.load import measure_load
from pytest_perfbudget.session.stored import compare
from pytest_perfbudget.session.stored.machine import machine
from pytest_perfbudget.session.timing import time_queries

AT = At("neighbours.toml", 1)
KEYS = ("throughput.min", "cpu.per_call", "latency.p50", "latency.p95", "latency.baseline")
NEIGHBOUR = """
memory = bytearray(64 << 20)
while True:
    for place in range(0, len(memory), 4096):
        memory[place] = (memory[place] + 1) & 255
"""
RECORDED = 10


class Place:
    """A database, and nobody else of this run."""

    database = "postgres"

    def __init__(self, server: Server) -> None:
        self.server = server

    @contextmanager
    def progress(self, what: str) -> Iterator[None]:
        yield

    @contextmanager
    def undisturbed(self) -> Iterator[float]:
        yield 60.0

    @contextmanager
    def calling(self, statements: Sequence[Statement], *, undo: bool = False) -> Iterator[Calls]:
        with self.server.connect() as connection:
            yield Calls(connection, statements, undo=undo)


def evidence(sql: str) -> TestEvidence:
    query = QueryEvidence(sql, sql, None, 1, (), (), None, 0.0, executions=(Statement(sql, fetched="stream"),))
    return TestEvidence("test_one", "orders.one", (query,), {}, Environment("18", 18, "", "", "", 8192, jit=False))


def limited(key: str, value: float) -> Budget:
    unit = "calls/s" if key == "throughput.min" else "s"
    limit = Limit(key, value, unit, str(value), AT, least=key == "throughput.min")
    return Budget("orders.one", AT, limits={key: limit}, clients=2)


def judged(place: Any, key: str, sql: str, quiet: float, headroom: float) -> tuple[float, Sequence[Finding]]:
    """The figure, and what is found where its limit is ``headroom`` away from the ``quiet`` one."""
    if key == "throughput.min":
        seen, found = measure_load(limited(key, quiet * (1 - headroom)), evidence(sql), place)
        return (seen.used[0].value if seen.used else 0.0), found
    budget = limited(key, quiet * (1 + headroom))
    if key == "cpu.per_call":
        seen, found = measure_load(budget, evidence(sql), place)
        return (seen.used[0].value if seen.used else 0.0), found
    seen, found = time_queries(budget, evidence(sql), place)
    latency = seen.queries[0].latency
    return (getattr(latency, key.removeprefix("latency.")) if latency else 0.0), found


def stored(place: Any, sql: str, recorded: Sequence[float]) -> tuple[float, Sequence[Finding]]:
    """The figure of ``latency.baseline``, and what is found against those recorded on this machine."""
    cpu = machine(place.server)
    history = SimpleNamespace(
        records=True,
        of=lambda test, queries, environment: {sql: [Recorded(figure, cpu) for figure in recorded]},
    )
    budget = replace(Budget("orders.one", AT), latency_baseline=Slowdown(0.15, "15%", AT))
    seen, found = compare.compare_with_runs(budget, evidence(sql), place, history, None)  # type: ignore[arg-type]
    return seen.queries[0].stored.figure, found


@contextmanager
def neighbours(number: int) -> Iterator[None]:
    with ExitStack() as stack:
        for _ in range(number):
            process = stack.enter_context(subprocess.Popen([sys.executable, "-c", NEIGHBOUR]))
            stack.callback(process.kill)
        yield


def quiet_figures(place: Any, key: str, sql: str) -> list[float]:
    if key == "latency.baseline":
        return [stored(place, sql, [])[0] for _ in range(RECORDED)]
    return [judged(place, key, sql, 1e12 if key == "throughput.min" else 1e-9, 0.0)[0] for _ in range(3)]


def asking(place: Any, key: str, sql: str, headroom: float) -> Callable[[], tuple[float, Sequence[Finding]]]:
    """Measures now; with the figure as a share of that of the quiet machine."""
    recorded = quiet_figures(place, key, sql)
    quiet = median(recorded)

    def ask() -> tuple[float, Sequence[Finding]]:
        found = stored(place, sql, recorded) if key == "latency.baseline" else judged(place, key, sql, quiet, headroom)
        return found[0] / quiet, found[1]

    return ask


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--neighbours", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--replicates", type=int, default=10)
    parser.add_argument("--headroom", type=lambda text: float(text.rstrip("%")) / 100, default=0.05)
    parser.add_argument("--keys", default=",".join(KEYS))
    parser.add_argument("--statements", default="", help="only those with this word in their name")
    given = parser.parse_args()
    verdicts: dict[str, Counter[str]] = defaultdict(Counter)
    figures: dict[str, list[float]] = defaultdict(list)
    with server() as running:
        running.admin.execute("drop table if exists orders")
        for statement in SCHEMA.split(";"):
            running.admin.execute(statement.encode())
        place = Place(running)
        sql = [text for name, text in STATEMENTS.items() if given.statements in name]
        asks = [(key, asking(place, key, text, given.headroom)) for key in given.keys.split(",") for text in sql]
        began = perf_counter()
        with neighbours(given.neighbours):
            for key, ask in (one for _ in range(given.replicates) for one in asks):
                figure, found = ask()
                figures[key].append(figure)
                verdicts[key][found[0].verdict if found else "passed"] += 1
    rows = []
    for key, counted in verdicts.items():
        n, failed = counted.total(), counted[Verdict.OVER] + counted[Verdict.REGRESSED]
        lower, upper = clopper_pearson(failed, n)
        rates = f"{failed}/{n} ({lower:.1%}–{upper:.1%})"
        seen = sorted(figures[key])
        rows.append([key, rates, counted[Verdict.UNJUDGED], f"{seen[0]:.2f}", f"{median(seen):.2f}", f"{seen[-1]:.2f}"])
    print(tabulate(rows, headers=["key", "failed", "unjudged", "least", "median", "most"], disable_numparse=True))
    print(f"{given.neighbours} neighbours on {os.cpu_count()} processors, {perf_counter() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
