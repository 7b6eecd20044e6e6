"""How often ``latency.regress`` is wrong where both sides need a connection of their own, live.

    python tests/benchmarks/layouts.py [--replicates 20] [--layouts pinned,fresh] [--neighbours 0]

Two databases are built separately. In each replicate six statements of about 1 ms are compared with themselves (null)
and with ones that read 10 % more rows, on new connections, by the rule as it is used: a candidate is measured again.
``spread`` is the standard deviation of the nulls' first medians, with the largest. Intervals are Clopper and Pearson's
at 95 %. Neighbours keep a core and 64 MB busy each, on and off.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import fmean, median, pstdev
from time import perf_counter, sleep

from cpu_time import neighbour
from gate_power import clopper_pearson
from tabulate import tabulate

from pytest_perfbudget.measure.paired import Step
from pytest_perfbudget.measure.regression import Outcome, regressions
from pytest_perfbudget.model import Statement, Verdict
from pytest_perfbudget.postgres.embedded import Embedded
from pytest_perfbudget.postgres.server import Request, Server
from pytest_perfbudget.session.against import compare
from pytest_perfbudget.session.against.layouts import Pinned, TwoDatabases
from pytest_perfbudget.session.against.sides import Layout, Sides

SEED = (
    "create table items as select i id, i % 300 kind, i % 97 price, md5(i::text) note from generate_series(1, 40000) i",
    "alter table items add primary key (id)",
    "vacuum (analyze) items",
)
STATEMENTS = {
    "count": ("select count(*) from items where id <= {n} and price % 7 > 2", 8000),
    "sum": ("select sum(price) from items where id <= {n}", 10000),
    "rows": ("select * from items where id <= {n}", 1500),
    "groups": ("select kind, count(*) from items where id <= {n} group by kind", 6000),
    "sort": ("select note from items where id <= {n} order by note limit 20", 4000),
    "join": ("select count(*) from items a join items b using (id) where a.id <= {n}", 2500),
}
EFFECTS = {"null": 1.0, "+10 %": 1.115}
"""By how much there is more to read: the overhead of a statement is the same."""


def sides(effect: str) -> dict[str, Sides]:
    return {
        f"{name} {effect}": Sides(Statement(sql.format(n=n)), Statement(sql.format(n=round(n * EFFECTS[effect]))))
        for name, (sql, n) in STATEMENTS.items()
    }


@contextmanager
def server() -> Iterator[Server]:
    """A server with both databases."""
    cache = os.environ.get("PERFBUDGET_TEST_CACHE") or tempfile.mkdtemp(prefix="perfbudget-test-cache-")
    Path(cache).mkdir(exist_ok=True)
    Path(cache).chmod(0o755)  # as root the server is another user's
    server = Embedded().start(Request(run=uuid.uuid4().hex, cache=cache))
    try:
        for name in ("layouts_old", "layouts_new"):
            server.admin.execute(f"drop database if exists {name}".encode())
            server.admin.execute(f"create database {name}".encode())
            with server.connect(name) as connection:
                for statement in SEED:
                    connection.execute(statement.encode())
        yield server
    finally:
        server.close()


def replicate(layout: Layout, effect: str) -> tuple[float, Mapping[str, Outcome]]:
    """Seconds for each statement, and what came of each."""
    compared = sides(effect)
    began = perf_counter()
    found = regressions(compare._measure(layout, compared), dict.fromkeys(compared, 0.1), sleep)
    return (perf_counter() - began) / len(compared), found


def row(name: str, effect: str, taken: list[float], outcomes: list[Outcome]) -> list[str]:
    failed = sum(one.verdict is Verdict.REGRESSED for one in outcomes)
    suspected = sum(one.first.step is Step.CANDIDATE for one in outcomes)
    unjudged = sum(one.verdict is Verdict.UNJUDGED for one in outcomes)
    lower, upper = clopper_pearson(failed, len(outcomes))
    seen = [one.first.change.median for one in outcomes]
    return [
        name,
        effect,
        f"{failed / len(outcomes):.1%} ({lower:.1%}–{upper:.1%}) {failed}/{len(outcomes)}",
        str(suspected),
        str(unjudged),
        f"{median(seen):+.1%}, {pstdev(seen):.1%}, {max(map(abs, seen)):.1%}",
        f"{fmean(one.first.change.n for one in outcomes):.0f}",
        f"{median(taken):.2f} s",
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--replicates", type=int, default=20)
    parser.add_argument("--layouts", default="pinned,fresh")
    parser.add_argument("--effects", default=",".join(EFFECTS))
    parser.add_argument("--neighbours", type=int, default=0)
    given = parser.parse_args()
    outcomes: dict[tuple[str, str], list[Outcome]] = defaultdict(list)
    taken: dict[tuple[str, str], list[float]] = defaultdict(list)
    with server() as running, ExitStack() as stack:
        apart = TwoDatabases(running, "layouts_old", "layouts_new", "fresh")
        layouts: dict[str, Layout] = {"pinned": Pinned(apart, "pinned"), "fresh": apart}
        for _ in range(given.neighbours):
            stack.enter_context(neighbour(wanted=True))
        for _ in range(given.replicates):
            for at in ((name, effect) for name in given.layouts.split(",") for effect in given.effects.split(",")):
                seconds, found = replicate(layouts[at[0]], at[1])
                taken[at].append(seconds)
                outcomes[at] += found.values()
    headers = ["layout", "effect", "regressed", "suspected", "unjudged", "median, spread, most", "rounds", "each took"]
    table = [row(*at, taken[at], outcomes[at]) for at in outcomes]
    print(tabulate(table, headers=headers, disable_numparse=True))
    print("load average:", *(f"{load:.1f}" for load in os.getloadavg()), "on", os.cpu_count(), "processors")
    return 0


if __name__ == "__main__":
    sys.exit(main())
