"""The turns of clients to Redis: noted as they pass, reckoned up when somebody asks."""

from __future__ import annotations

import itertools
import threading
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from pytest_perfbudget.capture.caches import commands as table
from pytest_perfbudget.capture.caches.expiries import Expiries, Where
from pytest_perfbudget.capture.caches.overlaps import Recomputations
from pytest_perfbudget.capture.caches.wire import QUEUED, SMALL, Command, commands, shape, whole
from pytest_perfbudget.model.cache import CacheUse, Lines
from pytest_perfbudget.model.unwatched import UNWATCHED
from pytest_perfbudget.sites import Site

OURS = b"perfbudget:{"
"""Begins every key of the query cache."""

QUERY_CACHE = "QueryCache"
NOTES = 1_000
"""As many turns are reckoned up at the latest."""

LICENCE = b":none"
"""Ends the key by which the query cache asks whether Redis may still be written to. When, the clock decides."""


class Wire:
    """One connection of a client: its last turn, and what waits for EXEC. ``streams`` says that messages come on it."""

    __slots__ = ("client", "queued", "streams", "turn", "where")

    def __init__(self, client: str, where: Where) -> None:
        self.client, self.where = client, where
        self.turn: Turn | None = None
        self.queued: list[Command] | None = None
        self.streams = False


class Turn:
    """What was sent in one go: as it was packed, or as commands without their values where that was much. ``began``
    and ``ended`` are moments of the ledger's counter, before it was sent and after the last reply so far."""

    __slots__ = ("began", "context", "ended", "replies", "sent", "site", "wire")

    def __init__(self, wire: Wire, began: int, sent: bytes | list[Command], site: Site | None, context: int) -> None:
        self.wire, self.began, self.sent, self.site, self.context = wire, began, sent, site, context
        self.replies: list[Any] = []
        self.ended = 0

    def commands(self) -> list[Command]:
        """Read now, at the latest."""
        if isinstance(self.sent, bytes):
            self.sent = commands(self.sent)
        return self.sent


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
    """Thread-safe. A turn is only noted: it passes where a client waits for its server and somebody may measure that.
    Who asks for the account, or the 1,000th turn, reckons them up."""

    def __init__(self) -> None:
        self.tick = itertools.count(1).__next__
        self._turns: deque[Turn] = deque()
        self._sums: dict[str, Sums] = {}
        self._lock = threading.Lock()

    def sent(self, wire: Wire, began: int, packed: Any, site: Site | None, context: int) -> None:
        """Something went over the wire: what comes back on it next are its replies."""
        wire.turn = None
        if wire.streams or UNWATCHED.get():
            return
        raw = whole(packed)
        turn = Turn(wire, began, raw if len(raw) <= SMALL else commands(raw), site, context)
        if table.may_stream(raw) and any(command.name in table.STREAMS for command in turn.commands()):
            wire.streams = True
            return
        wire.turn = turn
        self._turns.append(turn)
        if len(self._turns) > NOTES:
            self._settle()

    def answered(self, wire: Wire, reply: Any) -> None:
        """The next reply came."""
        if (turn := wire.turn) is not None:
            turn.replies.append(shape(reply))
            turn.ended = self.tick()

    def _settle(self) -> None:
        """All that is over, in the order in which it was; what is under way stays, what was never answered is lost."""
        with self._lock:
            over = []
            for turn in [self._turns.popleft() for _ in range(len(self._turns))]:
                if len(turn.replies) == len(turn.commands()):
                    over.append(turn)
                elif turn.wire.turn is turn:
                    self._turns.append(turn)
            for turn in sorted(over, key=lambda turn: turn.ended):
                self._reckon(turn)

    def _reckon(self, turn: Turn) -> None:
        sent = turn.commands()
        if all(map(table.about, sent, turn.replies)):
            return
        keys = [key for command in sent for key in table.keys(command)]
        own = any(key.startswith(OURS) for key in keys)
        if own and all(key.endswith(LICENCE) for key in keys):
            return
        name = QUERY_CACHE if own else turn.wire.client
        sums = self._sums.get(name) or self._sums.setdefault(name, Sums())
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
    for command, reply in zip(turn.commands(), turn.replies, strict=True):
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
