"""What was seen: statements, plans, work, latencies, and the environment they were seen in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pytest_perfbudget.model.against import Against
from pytest_perfbudget.model.fetched import Fetched
from pytest_perfbudget.model.growth import Grown
from pytest_perfbudget.model.plan_evidence import PlanEvidence
from pytest_perfbudget.model.probes import GenericEvidence, Probes, RuleNote
from pytest_perfbudget.model.repetition import Origin, Repetition
from pytest_perfbudget.model.resources import Used
from pytest_perfbudget.model.stored import Stored
from pytest_perfbudget.sites import Site


@dataclass(slots=True)
class Statement:
    """One call of a driver's execute, as it passed, on whatever connection.

    ``sql`` is the text the server got (``$1`` placeholders); ``params``, ``types`` (OIDs) and ``formats`` are
    libpq's, so that the call can be repeated exactly. ``calls`` is 1, or the parameter sets of an executemany.
    ``plans`` holds raw EXPLAIN documents, nested ones too. ``duration`` is in seconds, ``rows`` those fetched;
    ``size`` are the bytes of their values as the server sent them, None where nobody counted, and ``fetched`` says how
    they came: a key of ``FETCHES``. ``standby`` says that the server it was sent to was following another one.
    ``origin`` is there where a mapper sent it to load a relationship. ``prepares`` is how many executions of it its
    connection sends before the driver prepares it; None where it never does.
    """

    sql: str
    params: tuple[bytes | None, ...] = ()
    types: tuple[int, ...] = ()
    formats: tuple[int, ...] = ()
    site: Site | None = None
    case: str | None = None
    calls: int = 1
    rows: int = 0
    round_trips: int = 1
    duration: float = 0.0
    error: str | None = None
    plans: list[dict[str, Any]] = field(default_factory=list)
    source: str = "auto_explain"
    why_no_plan: str | None = None
    standby: bool = False
    origin: Origin | None = None
    size: int | None = None
    fetched: str = "whole"
    prepares: int | None = 5

    @property
    def planned(self) -> bool:
        """Whether it has a plan, without reading any."""
        return bool(self.plans)


WORK_METRICS = ("buffers", "rows", "rows_removed", "temp", "wal", "loops", "heap_fetches", "spills")
"""The counters of ``work.*`` in the order they are shown: 8 kB blocks touched; rows produced by all scans; rows
thrown away by filters, join filters and rechecks; 8 kB temporary blocks written; WAL records; executions of the
inner side of nested loops and of subplans; heap fetches of index-only scans; sorts and hashes that spilled."""


@dataclass(frozen=True, slots=True)
class Work:
    """What an execution (or several, summed) cost the server: counters of EXPLAIN (ANALYZE, BUFFERS, WAL).

    ``inexact`` names the counters PostgreSQL ≤ 17 rounds per loop; ``cost`` is the planner's estimate.
    """

    buffers: int = 0
    rows: int = 0
    rows_removed: int = 0
    temp: int = 0
    wal: int = 0
    loops: int = 0
    heap_fetches: int = 0
    spills: int = 0
    cost: float = 0.0
    inexact: frozenset[str] = frozenset()

    def __add__(self, other: Work) -> Work:
        sums = {name: getattr(self, name) + getattr(other, name) for name in WORK_METRICS}
        return Work(**sums, cost=round(self.cost + other.cost, 2), inexact=self.inexact | other.inexact)


@dataclass(frozen=True, slots=True)
class Latency:
    """Samples of one statement in seconds, execute to last row; ``interval`` bounds the gated quantile.

    ``noise`` is half the distance between their quartiles. ``saved`` are the executions that the cap would have allowed
    besides, None where it stopped them. ``states`` says how many of the samples were planned anew (``first``), prepared
    with a plan for their parameters (``custom``) and with the one for any (``generic``). ``bars`` are the histogram:
    where each begins, in seconds, and how many samples are in it. ``calibration`` is the factor by which reference
    queries took longer than on a known machine, on the same connection.
    """

    n: int
    p50: float
    p95: float
    p99: float
    mean: float
    interval: tuple[float, float] | None = None
    noise: float = 0.0
    saved: int | None = None
    states: dict[str, int] = field(default_factory=dict)
    bars: tuple[tuple[float, int], ...] = ()
    calibration: float | None = None


@dataclass(frozen=True, slots=True)
class QueryEvidence:
    """All executions of one statement identity in one test.

    ``work`` is None where nothing was counted (a write planned, not executed again); ``why_unjudged`` then says
    what is missing. ``executions`` are the statements themselves, to count or time again, and ``probes`` what was
    asked about them; both are not recorded. ``generic`` is there where ``plan.generic`` or a rule asked for it,
    ``notes`` where a reader did. ``names`` are what ``[budget.query.<name>]`` can call this statement.
    ``repetition`` is that of the line that sent it most often, where one did more than once. ``against`` is there where
    it was timed against ``--perf-against``, ``stored`` where it was for ``latency.baseline``.
    """

    id: str
    sql: str
    case: str | None
    calls: int
    sites: tuple[Site, ...]
    plans: tuple[PlanEvidence, ...]
    work: Work | None
    cost: float
    names: frozenset[str] = frozenset()
    writes: bool = False
    latency: Latency | None = None
    why_unjudged: str | None = None
    executions: tuple[Statement, ...] = ()
    generic: GenericEvidence | None = None
    probes: Probes = field(default_factory=Probes)
    notes: tuple[RuleNote, ...] = ()
    fetched: Fetched = field(default_factory=Fetched)
    repetition: Repetition | None = None
    against: Against | None = None
    stored: Stored | None = None

    @property
    def key(self) -> str:
        """What tells this query from the others of its test: the identity, and the case where there is one."""
        return f"{self.id}:{self.case}" if self.case else self.id


@dataclass(frozen=True, slots=True)
class Environment:
    """The stamp of a baseline. ``settings`` are the planner settings that differ from PostgreSQL's defaults.

    What makes plans incomparable: major, profile, settings, locale, block_size, statistics. What only
    explains a verdict: version, jit (never alters a plan), schema, seed, indexes (name → definition).
    """

    version: str
    major: int
    profile: str
    server: str
    locale: str
    block_size: int
    jit: bool
    statistics: str = "actual"
    settings: dict[str, str] = field(default_factory=dict)
    schema: str = ""
    seed: str = ""
    indexes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TestEvidence:
    """Everything one marked test showed. ``notes`` say what of server and seed is not as the settings ask for; ``used``
    is what was measured of it as a whole, ``growth`` at other sizes of the database, where its budget asked for it."""

    __test__ = False

    test: str
    budget: str
    queries: tuple[QueryEvidence, ...]
    totals: dict[str, float]
    environment: Environment
    notes: tuple[str, ...] = ()
    used: tuple[Used, ...] = ()
    growth: tuple[Grown, ...] = ()
