"""Where the statements of a test come together, whatever driver, connection, thread or task sent them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import perf_counter
from typing import Any, TypeVar
from weakref import WeakSet

from pytest_perfbudget.capture.record import Call, Recording, Source, Witness
from pytest_perfbudget.model import Origin, Statement
from pytest_perfbudget.sites import Site, call_site, calling_line

T = TypeVar("T")

CURRENT: ContextVar[Call | None] = ContextVar("perfbudget_current", default=None)
"""The call this thread or task is executing: several may share one connection, and a notice is read by the one it
belongs to."""
ORIGIN: ContextVar[Origin | None] = ContextVar("perfbudget_origin", default=None)
"""For mappers: the relationship this thread or task is loading."""
PLACE: ContextVar[Callable[[Site | None, str], Site | None] | None] = ContextVar("perfbudget_place", default=None)
"""For code in files that are no Python: given the call site and the root, a better one."""
LINE: ContextVar[Site | None] = ContextVar("perfbudget_line", default=None)
"""The line that made the coroutine this task is running."""
_CASE: ContextVar[str | None] = ContextVar("perfbudget_case", default=None)


class _Mute:
    """While it lasts; a task made meanwhile inherits it, and lives on."""

    __slots__ = ("lasts",)

    def __init__(self, lasts: bool) -> None:
        self.lasts = lasts


_MUTED: ContextVar[_Mute] = ContextVar("perfbudget_muted", default=_Mute(False))  # noqa: B039  # never changed


class Hub:
    """Collects between ``start`` and ``stop``.

    ``recording`` may be read at any time; ``ended`` are the statements of the last one. ``root`` is the folder call
    sites are shown relative to; with ``measures`` recordings count the bytes of results. ``taps`` are the connections
    that drivers have seen and that are still there.
    """

    def __init__(self, root: str = "") -> None:
        self.recording: Recording | None = None
        self.measures = False
        self.ended: tuple[Statement, ...] = ()
        self.databases: frozenset[str] = frozenset()
        self.taps: WeakSet[Source] = WeakSet()
        self.witnesses: tuple[Witness, ...] = ()
        self._parts: list[list[Call]] = []
        self._root = root
        self._lock = threading.Lock()

    def watch(self, database: str) -> None:
        """Statements on ``database`` are the test's, on whatever host: its name belongs to one run. Adds."""
        self.databases |= {database}

    def hear(self, witness: Witness) -> None:
        """Have a witness add what it sees, after what drivers see. Adds."""
        self.witnesses += (witness,)

    def start(self) -> None:
        """Begin a recording; one that was not stopped is thrown away."""
        with self._lock:
            self.recording, self.ended = Recording(measures=self.measures), ()
        for witness in self.witnesses:
            witness.start()

    def stop(self) -> tuple[Statement, ...]:
        """End the recording: its statements in the order their execution started."""
        with self._lock:
            recording, self.recording = self.recording, None
        if recording:
            recording.flush()
            self._collected(recording)
            self.ended = recording.end()
        return self.ended if recording else ()

    def statements(self) -> tuple[Statement, ...]:
        """All that were sent so far in this recording, or in the last one where none is under way."""
        if (recording := self.recording) is None:
            return self.ended
        self._collected(recording)
        return recording.statements()

    def collect(self) -> None:
        """Have witnesses tell what they have seen since the last time."""
        if (recording := self.recording) is not None:
            self._collected(recording)

    def _collected(self, recording: Recording) -> None:
        """It is the recording's, and that of the parts under way."""
        for witness in self.witnesses:
            seen = witness.collect(recording)
            for calls in (recording.calls, *self._parts):
                calls.extend(seen)

    @contextmanager
    def part(self, measures: bool = False) -> Iterator[list[Call]]:
        """The calls that begin meanwhile, in this recording and those that follow it; ``measures`` counts bytes."""
        calls: list[Call] = []
        self.collect()
        before = self.measures
        self._measure(before or measures)
        self._parts = [*self._parts, calls]
        try:
            yield calls
        finally:
            self.collect()
            self._measure(before)
            self._parts = [part for part in self._parts if part is not calls]

    def _measure(self, measures: bool) -> None:
        self.measures = measures
        if self.recording is not None:
            self.recording.measures = measures

    def check(self) -> None:
        """Raises PerfbudgetError: a witness could not see everything of the last recording."""
        for witness in self.witnesses:
            witness.check()

    @contextmanager
    def case(self, name: str | None) -> Iterator[None]:
        """Statements sent meanwhile by this thread or task belong to ``name``."""
        token = _CASE.set(name)
        try:
            yield
        finally:
            _CASE.reset(token)

    @contextmanager
    def mute(self) -> Iterator[None]:
        """Statements sent meanwhile by this thread or task are the plugin's own, or nobody's."""
        mute = _Mute(True)
        token = _MUTED.set(mute)
        try:
            yield
        finally:
            mute.lasts = False
            _MUTED.reset(token)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Statements sent meanwhile, by whatever thread, are nobody's; the recording goes on afterwards."""
        recording, self.recording = self.recording, None
        try:
            yield
        finally:
            for tap in list(self.taps):
                tap.drain()
            self.recording = recording

    def sent(self) -> int:
        """The calls of this recording so far."""
        return len(self.recording.calls) if self.recording else 0

    def forget(self, after: int) -> None:
        """The calls that followed the first so many have not been."""
        if self.recording:
            del self.recording.calls[after:]

    def current(self) -> Recording | None:
        """For drivers: what a statement of this thread or task belongs to; None where nothing is recorded of it."""
        return None if _MUTED.get().lasts else self.recording

    def located(self, coroutine: Coroutine[Any, Any, T]) -> Coroutine[Any, Any, T]:
        """For the methods of asynchronous drivers: the coroutine, its statements being those of the line that made it.
        Somebody else may run it: ``asyncio.gather``, ``wait_for`` and ``create_task`` do that in a task of its own."""
        if self.recording is None or (site := calling_line(self._root)) is None:
            return coroutine
        return at_line(site, coroutine)

    def site(self, skip: int = 0) -> Site | None:
        """The call site, looked for ``skip`` frames above the caller."""
        return call_site(skip + 1, self._root)

    def begin(self, skip: int = 0) -> Call | None:
        """For drivers: a call that starts now, or None where nothing is recorded. The call site is looked for ``skip``
        frames above the caller. ``list.append`` needs no lock."""
        if (recording := self.current()) is None:
            return None
        site = LINE.get() or call_site(skip + 1, self._root)
        if (place := PLACE.get()) is not None:
            site = place(site, self._root)
        call = Call(recording, site, _CASE.get(), perf_counter(), ORIGIN.get())
        recording.calls.append(call)
        for part in self._parts:
            part.append(call)
        return call


async def at_line(site: Site, coroutine: Coroutine[Any, Any, T]) -> T:
    """The coroutine, what it sends being sent by ``site``, whoever runs it."""
    __tracebackhide__ = True
    token = LINE.set(site)
    try:
        return await coroutine
    finally:
        LINE.reset(token)
