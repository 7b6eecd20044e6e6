"""Rates of several clients at once, and CPU time, which only grows by what disturbs it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pytest_perfbudget.measure.confirm import measure
from pytest_perfbudget.measure.others import Watch, beside, meanwhile, slowed
from pytest_perfbudget.measure.sampling import CAP, WARM_UP, WARM_UP_SHARE, Cap, Sampled, State
from pytest_perfbudget.measure.statistics import percentile
from pytest_perfbudget.model.resources import Shared
from pytest_perfbudget.units import format_seconds

ROUND = 0.02
"""Seconds that a round of calls takes at the least: what starting and joining the clients costs is lost in it."""
ROUNDS_BEFORE = 1
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


def calls_per_round(seconds: float) -> int:
    """How many calls of one client make a round, if one takes ``seconds``."""
    return max(1, math.ceil(ROUND / seconds)) if seconds > 0 else 1


def throughput(
    fresh: Callable[[], Callable[[], float]],
    least: float,
    clock: Callable[[], float],
    cap: Cap = CAP,
    watch: Watch = lambda: Shared,
) -> Sampled:
    """Sample rounds until the median rate is clear of ``least`` calls per second; what is below on the first clients is
    tried once more with fresh ones.

    ``fresh`` connects clients and gives what has them call for a round, and returns the seconds of it for each call.
    The samples are those, the decision is that of ``p50``. ``watch`` watches the processors: what may be below only
    because of what others had of them is ``undecided``.
    """
    return measure(fresh, {"p50": 1 / least}, clock, cap, ROUNDS_BEFORE, sampling=beside(watch))


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
    cap: Cap = CAP,
    watch: Watch = lambda: Shared,
) -> CpuTime:
    """The floor of several backends' CPU times.

    ``fresh`` connects and gives what executes as many calls as it is told, and returns the CPU seconds of them all.
    What is clearly ``allowed`` on one backend is so; else backends are asked until three agree on the least. What is
    more may be so because of what others had of the processors meanwhile (``watch`` as for :func:`throughput`): what
    :func:`slowed` explains is ``undecided``.
    """
    since, started = watch(), clock()
    figures: list[float] = []
    n = 0
    while len(figures) < MOST and not settled(figures, allowed) and (left := cap.seconds - (clock() - started)) > 0:
        figure, calls = of_a_backend(fresh(), clock, left)
        n += calls
        if figure is not None:
            figures.append(figure)
    figure = min(figures, default=math.inf)
    counted = f"n={n} on {len(figures)} backend{'s' if len(figures) != 1 else ''}"
    if figure <= allowed:
        return CpuTime(figure, n, len(figures), State.WITHIN, counted)
    if settled(figures, allowed) or len(figures) == MOST:
        shared = since()
        if figure <= allowed * slowed(shared):
            words = f"{counted}, {format_seconds(figure)}: {meanwhile(shared)}"
            return CpuTime(figure, n, len(figures), State.UNDECIDED, words)
        return CpuTime(figure, n, len(figures), State.BEYOND, counted)
    seen = f": {format_seconds(figure)} or less" if figures else ""
    return CpuTime(figure, n, len(figures), State.UNDECIDED, f"{cap.words} reached after {counted}{seen}")


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
    started = clock()
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


@dataclass(frozen=True, slots=True)
class Rates:
    """Calls per second: the median, and its bounds, None where there is none."""

    median: float
    lower: float | None
    upper: float | None


def rates(sampled: Sampled) -> Rates:
    """Of rounds whose samples are seconds per call: at least one."""
    decision = sampled.decisions["p50"]
    lower, upper = (1 / bound if 0 < bound < math.inf else None for bound in (decision.upper, decision.lower))
    return Rates(1 / percentile(sampled.samples, 0.5), lower, upper)
