"""The access log of a cache: which calls were asked for when, and what their executions took; kept in memory, and in a
file from which a later process knows what to execute beforehand."""

from __future__ import annotations

import datetime as dt
import decimal
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec

from pytest_perfbudget.cache.queries.calls import Call, call, told
from pytest_perfbudget.cache.queries.forecast import Access, Worth, costs, expected, ranked
from pytest_perfbudget.errors import CacheError
from pytest_perfbudget.units import DURATION_FORMS, seconds

FORMAT = 1
HORIZON = 3600.0
"""Seconds that a cache is warmed for, unless told otherwise."""
HIT = 0.0002
"""Seconds a hit takes, about: what takes no longer is not worth executing beforehand."""
_TYPES: dict[str, type[Any]] = {
    kind.__name__: kind
    for kind in (
        bool, int, float, str, bytes, decimal.Decimal, dt.date, dt.datetime, dt.time, dt.timedelta, uuid.UUID,
    )
}  # fmt: skip


class _File(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """``calls`` are a statement's place and its parameters, ``accesses`` a time, a call's place and seconds."""

    format: int
    statements: list[str]
    calls: list[tuple[int, Any]]
    accesses: list[tuple[float, int, float | None]]


class AccessLog:
    """The last ``most`` accesses. It holds parameters as they were given: treat its files as the data themselves."""

    def __init__(self, most: int = 100_000) -> None:
        self._accesses: deque[Access[str]] = deque(maxlen=most)
        self._calls: dict[str, Call] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._accesses)

    def note(self, asked: Call, at: float, taken: float | None) -> None:
        """A call at that Unix time; ``taken`` are the seconds of its execution, None of a hit. From any thread."""
        with self._lock:
            self._calls.setdefault(asked.name, asked)
            self._accesses.append(Access(at, asked.name, taken))
            if len(self._calls) > 2 * (self._accesses.maxlen or 1):
                self._calls = {one.key: self._calls[one.key] for one in self._accesses}

    def ranked(self, now: float, horizon: float) -> Sequence[Worth[Call]]:
        """The calls worth executing before the ``horizon`` seconds after ``now``, the most valuable first."""
        accesses, calls = self._copy()
        return [Worth(calls[one.key], one.hits, one.seconds) for one in ranked(accesses, now, horizon, hit=HIT)]

    def expected(self, now: float, horizon: float) -> Sequence[Worth[Call]]:
        """How often each call will be asked for, and what its executions took; 0 seconds where it has none."""
        accesses, calls = self._copy()
        known = costs(accesses)
        return [Worth(calls[key], hits, known.get(key, 0.0)) for key, hits in expected(accesses, now, horizon).items()]

    def save(self, path: str | Path) -> None:
        """Writes the file, whole or not at all."""
        accesses, known = self._copy()
        statements: dict[str, int] = {}
        places: dict[str, int] = {}
        calls: list[tuple[int, Any]] = []
        for name in dict.fromkeys(one.key for one in accesses):
            places[name] = len(calls)
            statement = statements.setdefault(known[name].text, len(statements))
            calls.append((statement, told(known[name].parameters)))
        seen = [(one.at, places[one.key], one.seconds) for one in accesses]
        data = msgspec.msgpack.encode(_File(FORMAT, list(statements), calls, seen))
        partial = Path(path).with_name(f".{Path(path).name}.partial")
        partial.write_bytes(data)
        partial.replace(path)

    @classmethod
    def load(cls, path: str | Path, most: int = 100_000) -> AccessLog:
        """Reads a file of :meth:`save`.

        Raises:
            CacheError: it is no such file, or one of another format.
        """
        log = cls(most)
        try:
            found = msgspec.msgpack.decode(Path(path).read_bytes(), type=_File)
            if found.format != FORMAT:
                raise ValueError(f"format {found.format}")
            calls = [call(found.statements[place], _parameters(given)) for place, given in found.calls]
            for at, place, taken in found.accesses:
                if isinstance(asked := calls[place], Call):
                    log.note(asked, at, taken)
        except (OSError, msgspec.MsgspecError, ValueError, TypeError, LookupError) as error:
            raise CacheError(f"{path} is no access log: {error}", remedy="AccessLog.save() writes one") from None
        return log

    def _copy(self) -> tuple[list[Access[str]], dict[str, Call]]:
        with self._lock:
            return list(self._accesses), dict(self._calls)


class Forecast(Protocol):
    """What a cache can be warmed from: an :class:`AccessLog`, or what PostgreSQL has counted."""

    def ranked(self, now: float, horizon: float) -> Sequence[Worth[Call]]:
        """The calls worth executing before the ``horizon`` seconds after ``now``, the most valuable first."""


class Warming:
    """The calls to execute now, as long as the budget lasts; ``seen`` counts them.

    Raises:
        CacheError: ``log`` foretells nothing.
        ValueError: the budget is no duration.
    """

    def __init__(self, log: Forecast, budget: str | float, horizon: float, clock: Callable[[], float]) -> None:
        if not hasattr(log, "ranked"):
            what = f"a {type(log).__name__} is no access log"
            raise CacheError(what, remedy="warm(AccessLog.load(path)), or warm(cache.usage())")
        self._end = clock() + (_duration(budget) if isinstance(budget, str) else budget)
        self._clock = clock
        self._worths = log.ranked(time.time(), horizon)
        self.seen = 0

    def __iter__(self) -> Iterator[Call]:
        """One that would not end in time is passed over: a cheaper one may."""
        for worth in self._worths:
            left = self._end - self._clock()
            if left <= 0:
                return
            if worth.seconds <= left:
                self.seen += 1
                yield worth.key


def _duration(text: str) -> float:
    try:
        return seconds(text)
    except ValueError as error:
        raise ValueError(f"{error}: write a number of seconds, or {DURATION_FORMS}") from None


def _parameters(given: Any) -> Any:
    """What :func:`told` was told."""
    kind, value = given
    if kind == "NoneType":
        return None
    if kind in ("list", "tuple"):
        return (list if kind == "list" else tuple)(map(_parameters, value))
    if kind == "dict":
        return {name: _parameters(one) for name, one in value}
    return msgspec.convert(value, _TYPES[kind])
