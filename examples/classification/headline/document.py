"""A run as data: what is written as JSON, and what table and picture are made from."""

from __future__ import annotations

import json
import math
import platform
from collections import Counter
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

from headline import figures
from headline.clients import PROCESSES
from headline.figures import Row, Without
from headline.rounds import Outcome
from headline.seeded import MEMORY, RETURNED
from pytest_perfbudget.postgres.profiles.machine import detect
from pytest_perfbudget.units import format_bytes

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Staleness:
    """``checked`` hits were compared with PostgreSQL while others wrote; ``undecided`` are those that a writer came
    between (not in ``stale``)."""

    checked: int
    stale: int
    undecided: int


@dataclass(frozen=True, slots=True)
class Load:
    """What was asked. ``mix`` is each kind's share as drawn, ``seen`` the number answered on either side."""

    clients: int
    processes: int
    businesses: int
    zipf: float
    write_share: float
    moves: float
    anyone: float
    mix: dict[str, float]
    seen: dict[str, dict[str, int]]
    rounds: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Document:
    """Ratios are of after to before; ``measured`` has the figures of each round; ``client_cpu`` are seconds per request
    of the clients themselves, which are in no row."""

    rows: list[Row]
    without: list[Without]
    staleness: Staleness
    load: Load
    cache: dict[str, int]
    measured: dict[str, dict[str, list[float]]]
    client_cpu: tuple[float, float]
    failed: dict[str, int]
    machine: str
    postgres: str
    redis: str
    tuned: list[str]
    environment: dict[str, str]

    @property
    def ok(self) -> bool:
        """Whether every target is reached, hits were compared, none of them stale, and no request failed."""
        compared = self.staleness.checked > 0 and not self.staleness.stale
        return all(row.reached for row in self.rows) and compared and not self.failed


def of(outcome: Outcome) -> Document:
    """Of a run that has ended."""
    every = [*outcome.before, *outcome.after, *outcome.complete, *(s for one in outcome.without.values() for s in one)]
    failed = sum((one.sums.errors for one in every), Counter())
    cached = [one for one in every if one.sums.counts]
    machine = detect()
    return Document(
        rows=figures.rows(outcome),
        without=figures.without(outcome),
        staleness=Staleness(*(figures.total(cached, name) for name in ("checked", "stale", "undecided"))),
        load=_load(outcome),
        cache=dict(sum((+one.sums.counts for one in outcome.after), Counter())),
        measured={
            side: {name: [figure(one) for one in slices] for name, _, figure, _, _ in figures.ROWS}
            for side, slices in (("before", outcome.before), ("after", outcome.after))
        },
        client_cpu=(fmean(map(figures.client_cpu, outcome.before)), fmean(map(figures.client_cpu, outcome.after))),
        failed=dict(failed),
        machine=f"{platform.system()} {platform.machine()}, {machine.cores} cores, {format_bytes(machine.memory)}; "
        f"{format_bytes(MEMORY)} for the tuned server",
        postgres=outcome.postgres,
        redis=outcome.redis,
        tuned=outcome.tuned,
        environment=RETURNED,
    )


def text(document: Document) -> str:
    """As JSON; the targets of rows and whether they are reached included."""
    return json.dumps({"format": FORMAT, **_plain(document)}, indent=1, ensure_ascii=False) + "\n"


def _plain(document: Document) -> dict[str, Any]:
    found: dict[str, Any] = asdict(document, dict_factory=_finite)
    for row, plain in zip(document.rows, found["rows"], strict=True):
        plain["reached"] = row.reached
    return {"ok": document.ok, **found}


def _finite(items: list[tuple[str, Any]]) -> dict[str, Any]:
    """JSON knows no infinity: the end of an interval that is not known is null."""
    return {name: None if isinstance(value, float) and math.isinf(value) else value for name, value in items}


def _load(outcome: Outcome) -> Load:
    plan, load = outcome.plan, outcome.plan.load
    whole = sum(load.shares.values())
    return Load(
        clients=PROCESSES * plan.threads,
        processes=PROCESSES,
        businesses=load.businesses,
        zipf=load.zipf,
        write_share=load.writes,
        moves=load.moves,
        anyone=load.anyone,
        mix={kind.value: share / whole for kind, share in load.shares.items()},
        seen={
            side: dict(sum((one.sums.kinds for one in slices), Counter()))
            for side, slices in (("before", outcome.before), ("after", outcome.after))
        },
        rounds=plan.rounds,
        seconds=plan.seconds,
    )
