"""How often gates are wrong here, and what they catch: ``python tests/benchmarks/gate_live.py [--neighbour]``.

Six statements of about 1 ms on a server of our own, each executed in every run as it is, twice (null), and with so much
more work that it takes 10 % and 20 % longer: how many rows that is is found by measuring before. All rules of
``gate_rules.py`` are asked about the same samples, as on the recorded ones of ``gate_power.py``:

one backend    both sides on one connection, in turns
two backends   the head on a second connection
another run    the old figures are those of another run

What a second connection measures is the next run. With ``--neighbour`` a process keeps a processor busy by bursts.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import median

from cpu_time import SCHEMA, neighbour
from gate_power import Tallies, Tally, rows
from gate_rules import RULES
from gate_samples import EFFECTS, HISTORY, Case, Series
from tabulate import tabulate

from pytest_perfbudget.capture.replay import Replay
from pytest_perfbudget.measure.calibration import REFERENCES
from pytest_perfbudget.measure.paired import LOOKS
from pytest_perfbudget.measure.quiet import no_garbage_collection
from pytest_perfbudget.measure.rounds import WARM_UP
from pytest_perfbudget.measure.stored import Recorded, ratio
from pytest_perfbudget.model import Statement
from pytest_perfbudget.postgres.embedded import Embedded
from pytest_perfbudget.postgres.server import Request, Server
from pytest_perfbudget.session.against.sides import CONTROL
from pytest_perfbudget.units import format_seconds

STATEMENTS = {
    "index": "SELECT sum(customer) FROM orders WHERE id <= {k}",
    "filter": "SELECT count(*) FROM (SELECT * FROM orders LIMIT {k}) o WHERE customer + 0 < 9",
    "regular expression": "SELECT count(*) FROM (SELECT note FROM orders LIMIT {k}) o WHERE note ~ '^a.*9$'",
    "sort": "SELECT max(note) FROM (SELECT note FROM (SELECT note FROM orders LIMIT {k}) o ORDER BY note OFFSET 1) s",
    "join": "SELECT count(*) FROM (SELECT id FROM orders LIMIT {k}) o JOIN orders p ON p.id = o.id + 1",
    "groups": "SELECT customer, count(*) FROM (SELECT customer FROM orders LIMIT {k}) o GROUP BY customer LIMIT 3",
}
LONG = 0.001
"""Seconds of a statement, about."""
PLANTED = dict(zip(EFFECTS, (0.0, 0.10, 0.20), strict=True))
ROUNDS = LOOKS[-1]
SURE = 300
"""Rounds to find how many rows take so much longer."""


@dataclass(frozen=True)
class Samples:
    """Seconds by round: of a statement and effect on the first connection (old, new) and the second one (new)."""

    taken: dict[tuple[str, str], list[tuple[float, float, float]]]
    references: list[list[float]]
    control: list[tuple[float, float]]


def replays(server: Server, stack: ExitStack, statements: Sequence[str]) -> list[Replay]:
    """Each on the same new connection."""
    connection = stack.enter_context(server.connect())
    return [Replay(connection, Statement(sql)) for sql in statements]


def longer(server: Server, sql: str) -> dict[str, int]:
    """Rows by effect: as many as take about :data:`LONG`, and as many more as take so much longer."""
    with ExitStack() as stack:
        (tried,) = replays(server, stack, [sql.format(k=4000)])
        k = max(int(4000 * LONG / median(tried() for _ in range(40))), 100)
    found = {"null": min(k, 15_000)}
    for effect, wanted in list(PLANTED.items())[1:]:
        more = wanted
        for _ in range(4):
            at = round(found["null"] * (1 + more))
            more *= wanted / max(_change(server, sql, found["null"], at), wanted / 4)
        found[effect] = round(found["null"] * (1 + more))
    return found


def _change(server: Server, sql: str, old: int, new: int) -> float:
    with ExitStack() as stack:
        sides = replays(server, stack, [sql.format(k=k) for k in (old, new)])
        taken: list[list[float]] = [[], []]
        for number in range(SURE):
            for side in (0, 1) if number % 2 == 0 else (1, 0):
                taken[side].append(sides[side]())
    return median(b / a for a, b in zip(*(series[WARM_UP:] for series in taken), strict=True)) - 1


def run(server: Server, sizes: dict[str, dict[str, int]], order: Random) -> Samples:
    """All statements and effects in shuffled order, round by round, on two new connections."""
    keys = [(name, effect) for name in sizes for effect in EFFECTS]
    old = [STATEMENTS[name].format(k=sizes[name]["null"]) for name, _ in keys]
    new = [STATEMENTS[name].format(k=sizes[name][effect]) for name, effect in keys]
    with ExitStack() as stack, no_garbage_collection():
        first = replays(server, stack, [*old, *new, CONTROL, CONTROL, *REFERENCES])
        second = replays(server, stack, new)
        sides = list(zip(first[: len(keys)], first[len(keys) : 2 * len(keys)], second, strict=True))
        control, references = first[2 * len(keys) : 2 * len(keys) + 2], first[2 * len(keys) + 2 :]
        samples = Samples({key: [] for key in keys}, [[] for _ in references], [])
        for number in range(-WARM_UP, ROUNDS):
            turn = (0, 1, 2) if number % 2 == 0 else (2, 1, 0)
            null = {side: control[side]() for side in turn if side < 2}
            beside = [one() for one in references]
            places = list(range(len(keys)))
            order.shuffle(places)
            taken = {place: {side: sides[place][side]() for side in turn} for place in places}
            if number < 0:
                continue
            samples.control.append((null[0], null[1]))
            for place, key in enumerate(keys):
                samples.taken[key].append((taken[place][0], taken[place][1], taken[place][2]))
            for series, seconds in zip(samples.references, beside, strict=True):
                series.append(seconds)
    return samples


def cases(runs: Sequence[Samples]) -> Iterator[Case]:
    """Of every layout, statement and effect."""
    figures = [{key: ratio([new for _, new, _ in taken], one.references) for key, taken in one.taken.items()}
               for one in runs]  # fmt: skip
    for at, one in enumerate(runs):
        again = runs[(at + 1) % len(runs)]
        other = runs[(at + len(runs) // 2) % len(runs)]
        places = [(at + back * len(runs) // (HISTORY + 1)) % len(runs) for back in range(1, HISTORY + 1)]
        for name, effect in one.taken:
            for layout, side in (("one backend", 1), ("two backends", 2)):
                series = [_series(taken, name, effect, side) for taken in (one, again)]
                yield Case(layout, effect, series[0], series[1])
            recorded = [Recorded(figures[place][name, "null"], "one") for place in places]
            old = [new for _, new, _ in other.taken[name, "null"]]
            stored = Series(old, _series(one, name, effect, 1).new, [])
            yield Case("another run", effect, stored, stored, figures[at][name, effect], recorded)


def _series(samples: Samples, name: str, effect: str, side: int) -> Series:
    taken = samples.taken[name, effect]
    return Series([one[0] for one in taken], [one[side] for one in taken], samples.control)


def planted(runs: Sequence[Samples]) -> list[list[str]]:
    """What each statement takes, and by how much longer it took where more was planted."""
    found = []
    for name in STATEMENTS:
        null = median(old for one in runs for old, _, _ in one.taken[name, "null"])
        changes = [
            median(new / old for one in runs for old, new, _ in one.taken[name, effect]) - 1 for effect in EFFECTS
        ]
        found.append([name, format_seconds(null), *(f"{change:+.1%}" for change in changes)])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=100, help=f"at least {HISTORY + 2}")
    parser.add_argument("--neighbour", action="store_true", help="beside a busy process")
    given = parser.parse_args()
    if given.runs < HISTORY + 2:
        parser.error(f"--runs {given.runs}: the stored gate needs {HISTORY + 2}")
    cache = os.environ.get("PERFBUDGET_TEST_CACHE") or tempfile.mkdtemp(prefix="perfbudget-test-cache-")
    Path(cache).chmod(0o755)  # as root the server is another user's
    server = Embedded().start(Request(run=uuid.uuid4().hex, cache=cache))
    try:
        for statement in ("DROP TABLE IF EXISTS orders", *SCHEMA.split(";"), "CREATE INDEX ON orders (id)"):
            server.admin.execute(statement.encode())
        server.admin.execute("VACUUM (ANALYZE) orders")
        sizes = {name: longer(server, sql) for name, sql in STATEMENTS.items()}
        order = Random(0)
        with neighbour(given.neighbour):
            runs = [run(server, sizes, order) for _ in range(given.runs)]
    finally:
        server.close()
    show(runs)


def show(runs: Sequence[Samples]) -> None:
    """What was planted, and the table of the rules."""
    tallies: Tallies = defaultdict(lambda: defaultdict(Tally))
    for case in cases(runs):
        for rule in RULES:
            if case.layout in rule.where:
                tallies[rule.name, case.layout][case.effect].count(rule, case)
    print(tabulate(planted(runs), headers=["statement", "takes", *EFFECTS], disable_numparse=True))
    print("load average:", *(f"{load:.1f}" for load in os.getloadavg()), "on", os.cpu_count(), "processors")
    headers = ["rule", "layout (* its own)", "null: false alarms", "+10 %: caught", "+20 %: caught", "rounds"]
    print()
    print(tabulate(list(rows(tallies)), headers=headers, disable_numparse=True))


if __name__ == "__main__":
    main()
