"""What one cache of one process knows: its settings, its counts, its licence, what statements depend on."""

from __future__ import annotations

import threading
import time
from collections import Counter as Tally
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_perfbudget.errors import CacheError

if TYPE_CHECKING:
    from pytest_perfbudget.cache.queries.keys import Keyed

_T = TypeVar("_T")
_SHORTEST = 0.001  # seconds: what Redis counts in
_LONGEST = 64  # bytes of a key of BLAKE2b
_REMEMBERED = 4096  # statements
_RENEWED = 0.25  # the last part of a licence, in which it is renewed
_NOTED: ContextVar[list[str] | None] = ContextVar("perfbudget_cache_noted", default=None)


@contextmanager
def noted(counted: list[str] | None = None) -> Iterator[list[str]]:
    """What is counted meanwhile by this thread or task: of one ``fetch`` what became of it, ``hits`` for one. Appended
    to ``counted``, and then to what is noted around this."""
    outer, found = _NOTED.get(), [] if counted is None else counted
    token = _NOTED.set(found)
    try:
        yield found
    finally:
        _NOTED.reset(token)
        if outer is not None:
            outer.extend(found)


@dataclass(frozen=True, slots=True)
class Settings:
    """How results are kept; times in seconds, sizes in bytes.

    ``ttl`` bounds an entry's life, ``ttl_empty`` that of a result without rows, both less up to ``jitter`` of it;
    with ``early`` above 0 one caller renews an entry shortly before, the sooner the longer its statement takes;
    results above ``largest`` are not kept, those from ``compress_from`` are compressed. ``licence``: how long after
    asking PostgreSQL for debts hits are allowed, and how long a commit that could not reach Redis is held back.
    ``flight``: how long a caller waits for another one's execution of the same statement. ``pure``: names of functions
    of your own that depend on nothing but their arguments and tables.

    Raises:
        CacheError: a value is not of its kind, or out of range.
    """

    ttl: float = 3600.0
    ttl_empty: float = 60.0
    jitter: float = 0.1
    early: float = 1.0
    largest: int = 1_000_000
    compress_from: int = 4096
    licence: float = 0.5
    flight: float = 5.0
    secret: bytes = b""
    pure: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for name in ("ttl", "ttl_empty", "jitter", "early", "licence", "flight", "largest", "compress_from"):
            least = _SHORTEST if name in ("ttl", "ttl_empty") else 0
            value = getattr(self, name)
            if not isinstance(value, int | float) or isinstance(value, bool) or not value >= least:
                unit = "a size in bytes" if name in ("largest", "compress_from") else "a number, times in seconds"
                raise CacheError(f"{name} of Settings is {value!r:.40}", remedy=f"{unit}, {least} at the least")
        if self.jitter > 1:
            raise CacheError(f"jitter of Settings is {self.jitter}", remedy="a share of the life: 1 at the most")
        if not isinstance(self.secret, bytes) or len(self.secret) > _LONGEST:
            raise CacheError("secret of Settings is not as it should be", remedy=f"bytes, {_LONGEST} at the most")
        if isinstance(self.pure, str):
            raise CacheError("pure of Settings is a text", remedy=f"frozenset({{{self.pure!r:.40}}})")


@dataclass(frozen=True, slots=True)
class Place:
    """Whose results: of this server since it was started, of this database, role and settings."""

    server: str
    session: str


@dataclass(slots=True)
class Known:
    """What a statement depends on, so far: counters; ``refusal`` says why its results are never kept."""

    counters: tuple[str, ...] = ()
    seen: frozenset[int] = frozenset()
    """Relations, those included that need no counter: indexes, views."""
    functions: bool = False
    keyed: bool = False
    """Keys of one of them were declared."""
    refusal: str = ""
    schema: str = ""
    """The base of the schema's counter when this was learned."""


@dataclass
class State:
    """Shared by the threads of a process."""

    settings: Settings
    clock: Callable[[], float]
    random: Callable[[], float]
    counts: Tally[str] = field(default_factory=Tally)
    granted: tuple[Place | None, float] = (None, float("-inf"))
    """Where hits are allowed, and for reads that begin before when; one value, as several threads grant it."""
    wall: Callable[[], float] = time.time
    """The clock that processes share, as far as they do: when entries end."""
    answered: Tally[str] = field(default_factory=Tally)
    """Calls that Redis has answered, of each statement, by its fingerprint; of the first statements."""
    since: float = field(default_factory=time.time)
    undecoded: str = ""
    """Why the slot that covers the writers could not be read, the last time it could not."""
    not_decoded_until: float = float("-inf")
    """The slot could not be read, and is left alone until then."""
    _known: OrderedDict[str, Known] = field(default_factory=OrderedDict)
    _keyed: OrderedDict[tuple[Any, ...], Keyed] = field(default_factory=OrderedDict)
    _asked: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """The counters of calls, as they were last named: nothing that matters depends on them being the right ones."""
    _renewed: float = float("-inf")
    """The end of the licence that somebody renews, or has."""
    _learning: set[str] = field(default_factory=set)
    """Fingerprints of the statements that somebody learns."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, what: str, answered: str = "") -> None:
        """``answered`` is the fingerprint of the statement whose call Redis has answered."""
        with self._lock:
            self.counts[what] += 1
            if answered and (answered in self.answered or len(self.answered) < _REMEMBERED):
                self.answered[answered] += 1
        if (counted := _NOTED.get()) is not None:
            counted.append(what)

    def report(self) -> dict[str, int | str]:
        """The counts, and why there was no slot."""
        return {**self.counts, **({"decoding": self.undecoded} if self.undecoded else {})}

    def licensed(self, began: float) -> Place | None:
        """Where a read that began then may be answered from Redis."""
        place, until = self.granted
        return place if began < until else None

    def renews(self, began: float) -> bool:
        """Whether a read that begins then is the one that asks PostgreSQL again before the licence ends."""
        place, until = self.granted
        if place is None or not 0 < until - began <= _RENEWED * self.settings.licence or self._renewed == until:
            return False
        with self._lock:
            first, self._renewed = self._renewed != until, until
        return first

    def grant(self, place: Place | None, until: float) -> None:
        """What PostgreSQL said last; an answer that was asked for earlier changes nothing."""
        with self._lock:
            if until > self.granted[1]:
                self.granted = (place, until)

    def learns(self, fingerprint: str) -> bool:
        """Whether this caller learns the statement, as nobody else does: :meth:`has_learned` ends it."""
        with self._lock:
            first = fingerprint not in self._learning
            self._learning.add(fingerprint)
        return first

    def learning(self, fingerprint: str) -> bool:
        """Whether somebody does."""
        return fingerprint in self._learning

    def has_learned(self, fingerprint: str) -> None:
        with self._lock:
            self._learning.discard(fingerprint)

    def known(self, fingerprint: str) -> Known | None:
        return self._known.get(fingerprint)

    def remember(self, fingerprint: str, known: Known) -> Known:
        return self._added(self._known, fingerprint, known)

    def keyed(self, signature: tuple[Any, ...]) -> Keyed | None:
        return self._keyed.get(signature)

    def remember_keyed(self, signature: tuple[Any, ...], keyed: Keyed) -> Keyed:
        return self._added(self._keyed, signature, keyed)

    def asked(self, name: str, counters: Callable[[], tuple[str, ...]]) -> tuple[str, ...]:
        """What a call's entry is asked for with; named anew when something was learned."""
        return self._asked.get(name) or self.ask(name, counters())

    def ask(self, name: str, counters: tuple[str, ...]) -> tuple[str, ...]:
        if len(self._asked) >= _REMEMBERED:
            self._asked.clear()
        self._asked[name] = counters
        return counters

    def _added(self, memory: OrderedDict[Any, _T], name: Any, what: _T) -> _T:
        with self._lock:
            self._asked.clear()
            memory[name] = what
            while len(memory) > _REMEMBERED:
                memory.popitem(last=False)
        return what
