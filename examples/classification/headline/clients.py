"""The clients: threads of a service, each of which asks for the next thing as soon as it has been answered."""

from __future__ import annotations

import itertools
import multiprocessing
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe
from typing import Any

from headline.after import After
from headline.before import Before
from headline.meter import Meter
from headline.steps import NONE, Steps
from headline.workload import Request, Workload

PROCESSES, THREADS = 1, 20
_PATIENCE = 120.0  # seconds a slice may take longer than it should


@dataclass(frozen=True, slots=True)
class Slice:
    """Load on one variant from ``begin`` to ``end`` (of the machine's monotonic clock), counted from ``count`` on."""

    steps: Steps
    dsn: str
    redis: str
    count: float
    end: float
    warm: float = 0.0
    """Seconds spent beforehand on executing what the requests of another day ask for."""


@dataclass
class Sums:
    """What clients saw in a slice. ``response`` is the time of requests less that for connections, ``connection`` that
    for connections; both in seconds, over all requests. ``cpu`` is the clients' own."""

    requests: int = 0
    failed: int = 0
    response: float = 0.0
    connection: float = 0.0
    cpu: float = 0.0
    kinds: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)

    def add(self, other: Sums) -> None:
        self.requests += other.requests
        self.failed += other.failed
        self.response += other.response
        self.connection += other.connection
        self.cpu += other.cpu
        self.kinds.update(other.kinds)
        self.counts.update(other.counts)
        self.errors.update(other.errors)


class Clients:
    """Processes that wait for slices, until :meth:`close`."""

    def __init__(self, load: Workload, words: Sequence[str], threads: int = THREADS) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipes: list[Any] = []
        self._processes = []
        for number in range(PROCESSES):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, number, load, words, threads), daemon=True)
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)

    def start(self, slice_: Slice) -> None:
        """Returns at once."""
        for pipe in self._pipes:
            pipe.send(slice_)

    def sums(self, slice_: Slice) -> Sums:
        """Of the slice started, once it has ended.

        Raises:
            RuntimeError: a process of the clients has ended or does not answer.
        """
        sums = Sums()
        for pipe in self._pipes:
            if not pipe.poll(max(slice_.end - time.monotonic(), 0) + _PATIENCE):
                raise RuntimeError("the clients do not answer")
            sums.add(pipe.recv())
        return sums

    def close(self) -> None:
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.join(5)
            process.kill()


def _serve(pipe: Pipe, number: int, load: Workload, words: Sequence[str], threads: int) -> None:
    """Each variant has streams of its own that begin alike and go on from slice to slice."""
    streams: dict[Steps, list[Iterator[Request]]] = {}
    try:
        while True:
            slice_: Slice = pipe.recv()
            if slice_.steps not in streams:
                streams[slice_.steps] = [load.requests(f"{number}/{thread}") for thread in range(threads)]
            yesterday = itertools.islice(load.requests(f"{number}/yesterday"), load.yesterday // PROCESSES)
            pipe.send(_run(slice_, words, streams[slice_.steps], yesterday))
    except (EOFError, KeyboardInterrupt):
        return


def _run(
    slice_: Slice, words: Sequence[str], streams: Sequence[Iterator[Request]], yesterday: Iterable[Request]
) -> Sums:
    meter = Meter()
    naive = slice_.steps == NONE
    service: Before | After = (
        Before(slice_.dsn, words, meter) if naive else After(slice_.dsn, slice_.redis, words, meter, slice_.steps)
    )
    found = [Sums() for _ in streams]
    threads = [
        threading.Thread(target=_client, args=(service, meter, stream, slice_, sums))
        for stream, sums in zip(streams, found, strict=True)
    ]
    if slice_.warm and isinstance(service, After):
        service.warm(yesterday, slice_.warm)
    for thread in threads:
        thread.start()
    time.sleep(max(slice_.count - time.monotonic(), 0))
    cpu, counts = time.process_time(), Counter(service.counts())
    time.sleep(max(slice_.end - time.monotonic(), 0))
    total = Sums(cpu=time.process_time() - cpu, counts=Counter(service.counts()))
    total.counts.subtract(counts)
    for thread, sums in zip(threads, found, strict=True):
        thread.join()
        total.add(sums)
    service.close()
    return total


def _client(service: Before | After, meter: Meter, stream: Iterator[Request], slice_: Slice, sums: Sums) -> None:
    """Requests that end within the time that counts are counted."""
    for request in itertools.takewhile(lambda _: time.monotonic() < slice_.end, stream):
        meter.reset()
        began = time.monotonic()
        error = ""
        try:
            service.answer(request)
        except Exception as raised:
            error = f"{type(raised).__name__}: {raised}".splitlines()[0]
        ended = time.monotonic()
        if not slice_.count <= ended < slice_.end:
            continue
        sums.requests += 1
        sums.kinds[request.kind.name.lower()] += 1
        sums.response += ended - began - meter.waited
        sums.connection += meter.waited
        if error:
            sums.failed += 1
            sums.errors[error] += 1
