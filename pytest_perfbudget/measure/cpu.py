"""CPU time, which only grows by what disturbs it: its floor is the statement's own."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pytest_perfbudget.measure.others import Watch, meanwhile, slowed
from pytest_perfbudget.measure.regression import APART
from pytest_perfbudget.measure.sampling import CAP, WARM_UP, WARM_UP_SHARE, Cap, State
from pytest_perfbudget.measure.statistics import percentile
from pytest_perfbudget.model.resources import Shared
from pytest_perfbudget.units import format_seconds

FEWEST, MOST = 8, 20
"""Backends that a CPU time rests on."""
AGREEING, ALIKE = 3, 1.03
"""So many least figures that are no further apart are the floor: what disturbs adds something else to each."""
SLICE = 0.1
"""Seconds that a backend is measured for."""
BATCH = 0.002
"""Seconds of calls between two readings of its CPU time, which can lag behind by a part of a call."""
LOW = 0.1
"""The share of the batches that had no more CPU time than the figure of a backend: a neighbour only adds to it."""
CLEAR = 0.9
"""Of the limit: a figure below needs no second backend."""


@dataclass(frozen=True, slots=True)
class CpuTime:
    """Seconds of CPU time of a call, from ``n`` calls on ``connections`` backends; ``state`` against its limit, with
    what it rests on or the cap that stopped it as ``reason``."""

    seconds: float
    n: int
    connections: int
    state: State
    reason: str


def cpu_time(
    fresh: Callable[[], Callable[[int], float]],
    allowed: float,
    clock: Callable[[], float],
    sleep: Callable[[float], object],
    cap: Cap = CAP,
    watch: Watch = lambda: Shared,
) -> CpuTime:
    """The :func:`floor` of several backends' CPU times; what is beyond is asked once more, ``APART`` seconds later.

    ``fresh`` connects and gives what executes as many calls as it is told, and returns the CPU seconds of them all.
    What is clearly ``allowed`` on one backend is so. Another guest of the machine that shares a core with us adds half
    to every figure, for seconds: the lesser of two moments counts.
    """
    first = floor(fresh, allowed, clock, cap, watch)
    if first.state is not State.BEYOND:
        return first
    sleep(APART)
    return lesser(first, floor(fresh, allowed, clock, cap, watch))


def lesser(first: CpuTime, second: CpuTime) -> CpuTime:
    """Of two moments; ``beyond`` if both were, else what the second one was."""
    least = min(first.seconds, second.seconds)
    n, connections = first.n + second.n, first.connections + second.connections
    if first.state is second.state is State.BEYOND:
        return CpuTime(least, n, connections, State.BEYOND, _rests(n, connections))
    reason = f"{format_seconds(first.seconds)} once, {format_seconds(APART)} later {second.reason}"
    return CpuTime(least, n, connections, second.state, reason)


def floor(
    fresh: Callable[[], Callable[[int], float]],
    allowed: float,
    clock: Callable[[], float],
    cap: Cap = CAP,
    watch: Watch = lambda: Shared,
) -> CpuTime:
    """Of one moment: backends are asked until three agree on the least. What is more may be so because of what others
    had of the processors (``watch`` as for :func:`.load.throughput`): what :func:`slowed` explains is ``undecided``."""
    since, started = watch(), clock()
    figures: list[float] = []
    n = 0
    while len(figures) < MOST and not settled(figures, allowed) and (left := cap.seconds - (clock() - started)) > 0:
        figure, calls = of_a_backend(fresh(), clock, left)
        n += calls
        if figure is not None:
            figures.append(figure)
    figure, connections = min(figures, default=math.inf), len(figures)
    rests = _rests(n, connections)
    if figure <= allowed:
        return CpuTime(figure, n, connections, State.WITHIN, rests)
    if settled(figures, allowed) or connections == MOST:
        shared = since()
        if figure <= allowed * slowed(shared):
            words = f"{rests}, {format_seconds(figure)}: {meanwhile(shared)}"
            return CpuTime(figure, n, connections, State.UNDECIDED, words)
        return CpuTime(figure, n, connections, State.BEYOND, rests)
    seen = f": {format_seconds(figure)} or less" if figures else ""
    return CpuTime(figure, n, connections, State.UNDECIDED, f"{cap.words} reached after {rests}{seen}")


def _rests(n: int, connections: int) -> str:
    """What a CPU time rests on, in words."""
    return f"n={n} on {connections} backend{'s' if connections != 1 else ''}"


def of_a_backend(
    execute: Callable[[int], float], clock: Callable[[], float], left: float = CAP.seconds
) -> tuple[float | None, int]:
    """The CPU seconds per call that a backend needs undisturbed, None where none could be read; the number of calls."""
    samples, calls = _sampled(execute, clock, left)
    return (percentile(samples, LOW) if samples else None), calls


def settled(figures: Sequence[float], allowed: float) -> bool:
    """Whether another backend would change nothing."""
    least = sorted(figures)
    return bool(least) and (
        least[0] <= CLEAR * allowed or (len(least) >= FEWEST and least[AGREEING - 1] <= ALIKE * least[0])
    )


def _sampled(execute: Callable[[int], float], clock: Callable[[], float], left: float) -> tuple[list[float], int]:
    """The CPU seconds per call of each batch, and the number of calls. A batch can be read as nothing at all, while its
    backend goes from one CPU to another."""
    started, size = clock(), 1
    for _ in range(WARM_UP):
        if clock() - started >= min(SLICE, left * WARM_UP_SHARE):
            break
        before = clock()
        execute(1)
        size = max(1, math.ceil(BATCH / max(clock() - before, 1e-6)))
    samples: list[float] = []
    measured, calls = clock(), 0
    while clock() - started < left and (clock() - measured < SLICE or not calls):
        calls += size
        if (taken := execute(size)) > 0:
            samples.append(taken / size)
    return samples, calls
