"""The turns of clients to Redis: noted as they pass, reckoned up when somebody asks."""

from __future__ import annotations

import itertools
import threading
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from pytest_perfbudget.capture.caches import commands as table
from pytest_perfbudget.capture.caches.expiries import Expiries, Where
from pytest_perfbudget.capture.caches.overlaps import Recomputations
from pytest_perfbudget.capture.caches.wire import QUEUED, Command, commands, shape
from pytest_perfbudget.model.cache import CacheUse, Lines
from pytest_perfbudget.sites import Site

OURS = b"perfbudget:{"
"""Begins every key of the query cache."""

QUERY_CACHE = "QueryCache"
NOTES = 1_000
"""As many turns are reckoned up at the latest."""

_UNWATCHED: ContextVar[bool] = ContextVar("perfbudget_redis_unwatched", default=False)


@contextmanager
def unwatched() -> Iterator[None]:
    """What is sent meanwhile by this thread or task is the plugin's own."""
    token = _UNWATCHED.set(True)
    try:
        yield
    finally:
        _UNWATCHED.reset(token)


class Wire:
    """One connection of a client: its last turn, and what waits for EXEC."""

    __slots__ = ("client", "queued", "streams", "turn", "where")

    def __init__(self, client: str, where: Where) -> None:
        self.client, self.where = client, where
        self.turn: Turn | None = None
        self.queued: list[Command] | None = None
        self.streams = False


@dataclass(slots=True, eq=False)
class Turn:
    """What was sent in one go. ``began`` and ``ended`` are moments of the ledger's counter, before it was sent and
    after the last reply."""

    wire: Wire
    began: int
    commands: list[Command]
    site: Site | None
    context: int
    replies: list[Any] = field(default_factory=list)
    ended: int = 0


@dataclass(slots=True, eq=False)
class Sums:
    """Of one cache."""

    reads: int = 0
    hits: int = 0
    turned: Counter[Site | None] = field(default_factory=Counter)
    missed: Counter[Site | None] = field(default_factory=Counter)
    wrote: Counter[Site | None] = field(default_factory=Counter)
    expiries: Expiries = field(default_factory=Expiries)
    recomputed: Recomputations = field(default_factory=Recomputations)


class CommandLedger:
    """Thread-safe. A turn is complete with its last reply, and is reckoned up later."""

    def __init__(self) -> None:
        self.tick = itertools.count(1).__next__
        self._done: deque[Turn] = deque()
        self._sums: dict[str, Sums] = {}
        self._lock = threading.Lock()

    def sent(self, wire: Wire, began: int, packed: Any, site: Site | None, context: int) -> None:
        """Something went over the wire: what comes back on it next are its replies."""
        wire.turn = None
        if wire.streams or _UNWATCHED.get():
            return
        found = commands(packed)
        wire.streams = any(command.name in table.STREAMS for command in found)
        if not wire.streams and not all(command.name in table.ABOUT for command in found):
            wire.turn = Turn(wire, began, found, site, context)

    def answered(self, wire: Wire, reply: Any) -> None:
        """The next reply came."""
        if (turn := wire.turn) is None:
            return
        turn.replies.append(shape(reply))
        if len(turn.replies) == len(turn.commands):
            wire.turn, turn.ended = None, self.tick()
            self._done.append(turn)
            if len(self._done) > NOTES:
                self._settle()

    def _settle(self) -> None:
        with self._lock:
            for _ in range(len(self._done)):
                self._reckon(self._done.popleft())

    def _reckon(self, turn: Turn) -> None:
        own = any(key.startswith(OURS) for command in turn.commands for key in table.keys(command))
        name = QUERY_CACHE if own else turn.wire.client
        sums = self._sums.setdefault(name, Sums())
        sums.turned[turn.site] += 1
        for command, reply in _executed(turn):
            if not own:
                self._reckon_reads(sums, turn, command, reply)
            self._reckon_writes(sums, turn, command, reply, own)

    def _reckon_reads(self, sums: Sums, turn: Turn, command: Command, reply: Any) -> None:
        for entry, hit in table.reads(command, reply):
            sums.reads += 1
            sums.hits += hit
            if not hit:
                sums.missed[turn.site] += 1
            sums.recomputed.read(entry, hit, turn.context, turn.began, turn.site)

    def _reckon_writes(self, sums: Sums, turn: Turn, command: Command, reply: Any, own: bool) -> None:
        written = False
        for key, expiry, entries in table.writes(command, reply):
            written = written or bool(entries)
            if not own or _is_entry(key):
                sums.expiries.note(turn.wire.where, key, expiry, turn.site)
            for entry in entries:
                sums.recomputed.wrote(entry, turn.context, turn.ended)
        if written:
            sums.wrote[turn.site] += table.size(command)

    def caches(self) -> tuple[CacheUse, ...]:
        """What each cache was used for; asks the servers for the expiries that commands do not tell."""
        self._settle()
        return tuple(_use(name, sums) for name, sums in self._sums.items())


def _is_entry(key: bytes) -> bool:
    """Of the query cache: its version counters are no entries, and have no expiry."""
    return b":e:" in key


def _executed(turn: Turn) -> Iterable[tuple[Command, Any]]:
    """The commands with what they gave; those of a transaction once it was executed, never where it was not."""
    wire = turn.wire
    for command, reply in zip(turn.commands, turn.replies, strict=True):
        if command.name == b"MULTI":
            wire.queued = []
        elif command.name in (b"EXEC", b"DISCARD"):
            queued, wire.queued = wire.queued or [], None
            if command.name == b"EXEC" and isinstance(reply, list):
                yield from zip(queued, reply, strict=False)
        elif wire.queued is None:
            yield command, reply
        elif reply == QUEUED:
            wire.queued.append(command)


def _use(name: str, sums: Sums) -> CacheUse:
    lasting, why = sums.expiries.lasting()
    return CacheUse(
        name=name,
        reads=sums.reads,
        hits=sums.hits,
        turns=sum(sums.turned.values()),
        size=sum(sums.wrote.values()),
        missed=lines(sums.missed),
        turned=lines(sums.turned),
        wrote=lines(sums.wrote),
        crowd=sums.recomputed.crowd(),
        lasting=tuple((key.decode(errors="replace"), site) for key, site in lasting),
        why_lasting=why,
    )


def lines(counted: Counter[Site | None]) -> Lines:
    """The most first."""
    return tuple(counted.most_common())
