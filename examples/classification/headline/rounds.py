"""A run: slices of load on one variant after the other, in turns, each measured on the server and at the clients."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from statistics import fmean

import psycopg

from headline import usage
from headline.clients import Clients, Slice, Sums
from headline.meter import EachTime
from headline.seeded import Fleet, fleet
from headline.servers import Running
from headline.steps import ALL, NONE, Steps, all_but_one
from headline.workload import Workload
from pytest_perfbudget.cache import QueryCache, RedisRequest, RedisServer
from pytest_perfbudget.cache.embedded import Embedded

KEYS = {"classifications": ("business_id",), "businesses": ("business_id", "registration")}
"""What most reads name: they depend on the rows with these values only."""

REDIS = "10mb"
"""What Redis may keep; what was not asked for longest goes first."""

_READING = 25e-6  # seconds for drawing a request of another day and naming its statements
_LOOKS = tuple(number / 10 for number in range(1, 10))
"""When in a slice memory is looked at, as shares of its time: often, as processes come and go during a look."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How long a run is. ``seconds`` are counted of a slice, after ``start`` seconds; ``warm`` is how long
    either side has been under load before, in seconds."""

    rounds: int = 8
    ablations: int = 3
    seconds: float = 5.0
    start: float = 0.5
    warm: float = 20.0
    threads: int = 20
    load: Workload = field(default_factory=Workload)


@dataclass(frozen=True, slots=True)
class Measured:
    """One slice: what the clients saw, and what the servers' processes used (Redis's where the cache is on)."""

    seconds: float
    sums: Sums
    cpu: float
    memory: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """``before`` and ``after`` in turns; ``without`` maps each step to the slices with all the others, beside those of
    ``complete`` with all."""

    plan: Plan
    before: list[Measured]
    after: list[Measured]
    complete: list[Measured]
    without: dict[str, list[Measured]]
    tuned: list[str]
    postgres: str
    redis: str


Told = Callable[[str], None]


def run(plan: Plan, tell: Told) -> Outcome:
    """From seeding to the last slice."""
    tell("seeding four clusters")
    with fleet(plan.load.businesses) as found, _redis() as redis:
        with found.of(NONE).connected() as connection:
            words = [word for (word,) in connection.execute("SELECT word FROM keywords ORDER BY keyword_id")]
        with _clients(plan, words) as clients:
            stage = Stage(plan, found, redis, clients)
            tell(
                f"{plan.warm:g} s of warming from the log of another day, {plan.warm:g} s of load that are not counted"
            )
            stage.slice(ALL, plan.warm, warm=plan.warm)
            tell(f"{2 * plan.warm:g} s of load on the other side that are not counted: it is slower to fill its memory")
            stage.slice(NONE, 2 * plan.warm)
            before, after = stage.turns([NONE, ALL], plan.rounds, tell)
            variants = all_but_one()
            complete, *without = stage.turns([ALL, *variants.values()], plan.ablations, tell)
        version = found.of(ALL).admin.info.parameter_status("server_version") or ""
        return Outcome(
            plan, before, after, complete, dict(zip(variants, without, strict=True)), found.tuned, version,
            redis.fresh().version,
        )  # fmt: skip


@contextmanager
def _redis() -> Iterator[RedisServer]:
    import uuid

    server = Embedded().start(RedisRequest(run=uuid.uuid4().hex, server="embedded"))
    try:
        yield server
    finally:
        server.close()


@contextmanager
def _clients(plan: Plan, words: Sequence[str]) -> Iterator[Clients]:
    clients = Clients(plan.load, words, plan.threads)
    try:
        yield clients
    finally:
        clients.close()


class Stage:
    """Where slices are played: the servers, the clients."""

    def __init__(self, plan: Plan, servers: Fleet, redis: RedisServer, clients: Clients) -> None:
        from redis import Redis

        self._plan, self._servers, self._clients = plan, servers, clients
        self._url = redis.fresh().url
        with Redis.from_url(self._url) as client:
            self._redis = int(client.info("server")["process_id"])
            client.config_set("maxmemory", REDIS)
            client.config_set("maxmemory-policy", "allkeys-lru")
        for pair, server in servers.servers.items():
            if pair != (NONE.settings, NONE.indexes):  # before knows of no cache: no trigger makes its writes dearer
                self._prepare(server)

    def _prepare(self, server: Running) -> None:
        """What the query cache needs in a database, once."""
        cache = QueryCache(self._url, EachTime(partial(psycopg.connect, server.dsn())))
        cache.install()
        for table, columns in KEYS.items():
            cache.key(table, *columns)
        cache.close()

    def turns(self, variants: Sequence[Steps], rounds: int, tell: Told) -> list[list[Measured]]:
        """Each variant once a round, every other round in the other order."""
        found: list[list[Measured]] = [[] for _ in variants]
        for number in range(rounds):
            tell(f"round {number + 1} of {rounds}, {len(variants)} variants")
            order = list(zip(variants, found, strict=True))
            for steps, slices in reversed(order) if number % 2 else order:
                slices.append(self.slice(steps, self._plan.seconds))
        return found

    def slice(self, steps: Steps, seconds: float, warm: float = 0.0) -> Measured:
        """The load for so many seconds, after so many of warming."""
        server = self._servers.of(steps)
        processes = [usage.parent(server.admin.info.backend_pid), *([self._redis] if steps.cache else [])]
        count = time.monotonic() + self._plan.start + warm + (_READING * self._plan.load.yesterday if warm else 0)
        slice_ = Slice(steps, server.dsn(), self._url, count, count + seconds, warm)
        self._clients.start(slice_)
        _sleep_until(count)
        began, cpu = time.monotonic(), usage.cpu(processes)
        memory = []
        for look in _LOOKS:
            _sleep_until(count + look * seconds)
            memory.append(usage.memory(processes))
        _sleep_until(slice_.end)
        spent, cpu = time.monotonic() - began, usage.cpu(processes) - cpu
        return Measured(spent, self._clients.sums(slice_), cpu, fmean(memory))


def _sleep_until(moment: float) -> None:
    time.sleep(max(moment - time.monotonic(), 0))
