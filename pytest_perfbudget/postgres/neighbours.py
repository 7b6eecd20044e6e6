"""How much of the processors' time others have while this process and a server of ours work. On Linux."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter, process_time, sleep

from pytest_perfbudget.errors import DisturbedError
from pytest_perfbudget.model.resources import Shared
from pytest_perfbudget.postgres.backends import process_of, server_time
from pytest_perfbudget.postgres.processors import idle

PAUSE = 0.2
"""Seconds in which nothing of ours works, so that what does is others'; and the shortest while that can be told."""


@dataclass(frozen=True, slots=True)
class _Read:
    """Seconds so far: by the ``clock``, idle ones of ``processors`` of them, CPU time of ``ours``."""

    clock: float
    processors: int
    idle: float
    ours: float


class Neighbours:
    """Of the processors that this thread or a server may use: only they can be taken from us. ``backend`` is any of the
    server's, in the database ``its``; ``database`` is the one that works for us."""

    def __init__(self, backend: int, its: str, database: str) -> None:
        self._server: Callable[[], float] | None = None
        threads = [threading.get_native_id()]
        with suppress(DisturbedError):
            threads.append(process_of(backend, its))
            self._server = server_time(backend, its, database)
        self._processors = _allowed(threads)

    @property
    def sees_server(self) -> bool:
        """Whether the server's processes are seen, so that what they wait for is known."""
        return self._server is not None

    def watch(self) -> Callable[[], Shared]:
        """What gives the time that they have had since now.

        Where the server's processes cannot be seen, its time cannot be told from others', and what is shorter than a
        few ticks of the kernel cannot be told at all. Then it is what others have in a pause right after: of this
        machine alone, if the server has another.
        """
        before = self._read()

        def since() -> Shared:
            now = self._read()
            of, busy, ours = _spent(before, now)
            if self._server is not None and now.clock - before.clock >= PAUSE:
                return Shared(busy, min(max(busy - ours, 0.0), busy), of)
            return self._paused(now, of, busy, ours) if of else Shared()

        return since

    def _paused(self, now: _Read, of: float, busy: float, ours: float) -> Shared:
        sleep(PAUSE)
        there, any_had, we_had = _spent(now, self._read())
        others = max(any_had - we_had, 0.0) / there * of
        if self._server is None:
            ours = max(busy - others, ours)
        return Shared(others + ours, others, of)

    def _read(self) -> _Read:
        seconds = [one for number, one in idle().items() if number in self._processors]
        ours = process_time() + (self._server() if self._server else 0.0)
        return _Read(perf_counter(), len(seconds), sum(seconds), ours)


def _allowed(threads: list[int]) -> frozenset[int]:
    """The processors that any of them may use; none where the platform does not tell."""
    found: set[int] = set()
    with suppress(AttributeError, OSError):
        for thread in threads:
            found |= os.sched_getaffinity(thread)
    return frozenset(found)


def _spent(before: _Read, now: _Read) -> tuple[float, float, float]:
    """Between two readings: the seconds that the processors had, those that any process had of them, and ours."""
    of = (now.clock - before.clock) * now.processors
    return of, min(max(of - (now.idle - before.idle), 0.0), of), now.ours - before.ours
