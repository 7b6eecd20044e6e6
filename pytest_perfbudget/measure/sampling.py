"""Execute a statement until its latency is clear of its budget, or the cap is reached.

Stopping early means looking several times, and each look could be wrong. The looks are at 6, 12, 24, 48, … samples and
once more at the cap; the error allowed (``WITHIN`` for passing something too slow, ``BEYOND`` for failing something
fast enough) is spent over them: half at the first look that could decide, half of the rest at the next, and all that
is left at the cap. By the union bound the whole series is wrong no more often than a single look with the whole error.
That bound takes the count at the cap as given, while it follows from the samples: the tests simulate the whole rule.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from pytest_perfbudget.measure.quiet import no_garbage_collection
from pytest_perfbudget.measure.statistics import bounds, summary
from pytest_perfbudget.model import Latency
from pytest_perfbudget.units import format_seconds

FIRST_LOOK = 6
WITHIN = 0.05
BEYOND = 0.001
WARM_UP_SHARE = 1 / 3
"""Of the cap, at most: a statement of a second is not executed twelve times for nothing."""


@dataclass(frozen=True, slots=True)
class Cap:
    """The seconds after which no execution begins, and ``words`` for what sets them."""

    seconds: float = 3.0
    words: str = "the cap of 3 s was"

    @classmethod
    def of(cls, seconds: float) -> Cap:
        return cls(seconds, f"the cap of {format_seconds(seconds)} was")

    def within(self, left: float) -> Cap:
        """The same, where the run may measure for ``left`` seconds more, none if it is below 0."""
        if left >= self.seconds:
            return self
        left = max(left, 0.0)
        return Cap(left, f"the cap of {format_seconds(left)}, what is left of measure_cap, was")


CAP = Cap()
WARM_UP = 12
"""Executions: psycopg prepares at the sixth, PostgreSQL weighs a generic plan five later."""


class State(StrEnum):
    """What the samples say about a budget."""

    WITHIN = "within"
    BEYOND = "beyond"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Decision:
    """About one budget. ``lower`` and ``upper`` bound the quantile (or mean) in seconds, one-sided each, with the
    confidence of the look that decided; ``allowed`` is the budget."""

    state: State
    reason: str
    lower: float
    upper: float
    allowed: float


@dataclass(frozen=True, slots=True)
class Sampled:
    """The samples in seconds, in their order, and a decision for each key of the budget. ``spent`` are the seconds it
    took, those of the warm-up included; ``saved`` the executions there would have been time for besides, None where the
    cap stopped them."""

    samples: tuple[float, ...]
    decisions: Mapping[str, Decision]
    spent: float = 0.0
    saved: int | None = None

    @property
    def beyond(self) -> frozenset[str]:
        """The keys whose budget is exceeded."""
        return frozenset(key for key, decision in self.decisions.items() if decision.state is State.BEYOND)

    def latency(self, key: str | None = None) -> Latency | None:
        """The summary, with the interval of ``key`` if both its ends are known; None where nothing was executed."""
        if not self.samples:
            return None
        decision = self.decisions.get(key) if key else None
        known = decision is not None and math.isfinite(decision.lower) and math.isfinite(decision.upper)
        interval = (decision.lower, decision.upper) if decision and known else None
        return replace(summary(self.samples, interval), saved=self.saved)


def sample(
    execute: Callable[[], float],
    allowed: Mapping[str, float],
    clock: Callable[[], float],
    cap: Cap = CAP,
    warm_up: int = WARM_UP,
) -> Sampled:
    """Sample ``execute`` (seconds of one execution) until each budget of ``allowed`` is decided.

    ``allowed`` maps p50, p95, p99 or mean to seconds; ``clock`` gives seconds; no execution begins once the ``cap`` is
    reached. ``warm_up`` executions are thrown away. Garbage collection is off meanwhile. Errors of ``execute`` pass.
    """
    started = clock()
    samples: list[float] = []
    looks = {key: _Looks(key, limit) for key, limit in allowed.items()}
    with no_garbage_collection():
        for _ in range(warm_up):
            if clock() - started >= cap.seconds * WARM_UP_SHARE:
                break
            execute()
        look = FIRST_LOOK
        while clock() - started < cap.seconds and any(one.open for one in looks.values()):
            samples.append(execute())
            if len(samples) == look:
                look *= 2
                for one in looks.values():
                    one.look(samples)
    spent = clock() - started
    open_still = any(one.open for one in looks.values())
    saved = None if open_still else _more(samples, cap.seconds - spent)
    return Sampled(tuple(samples), {key: one.decide(samples, cap) for key, one in looks.items()}, spent, saved)


def decided(
    samples: Sequence[float], allowed: Mapping[str, float], cap: Cap, looks: bool = True
) -> dict[str, Decision]:
    """What :func:`sample` would have decided about a series that is there: with its ``looks`` on the way, or by the
    whole of it, where nobody looked before. ``cap`` says what ended it."""
    found = {}
    for key, limit in allowed.items():
        one, look = _Looks(key, limit), FIRST_LOOK
        while looks and one.open and look <= len(samples):
            one.look(list(samples[:look]))
            look *= 2
        found[key] = one.decide(list(samples), cap)
    return found


def _more(samples: Sequence[float], seconds: float) -> int:
    """How many more there is time for."""
    return max(int(seconds / mean), 0) if (mean := math.fsum(samples) / len(samples)) > 0 else 0


class _Looks:
    """The looks at one budget, and the error each side has left."""

    def __init__(self, key: str, allowed: float) -> None:
        self._key, self._allowed = key, allowed
        self._left = {State.WITHIN: WITHIN, State.BEYOND: BEYOND}
        self._decision: Decision | None = None

    @property
    def open(self) -> bool:
        return self._decision is None

    def look(self, samples: list[float], share: float = 0.5) -> None:
        """Decide if a bound is clear, spending ``share`` of the error left on each side that could decide."""
        if self._decision is not None or not samples:
            return
        upper = self._bound(State.WITHIN, samples, share)
        lower = self._bound(State.BEYOND, samples, share)
        if upper <= self._allowed:
            self._decision = self._decided(State.WITHIN, samples, lower, upper)
        elif lower > self._allowed:
            self._decision = self._decided(State.BEYOND, samples, lower, upper)

    def decide(self, samples: list[float], cap: Cap) -> Decision:
        """The decision, made now with all that is left if it was not made before."""
        left = dict(self._left)
        self.look(samples, share=1.0)
        if self._decision is not None:
            return self._decision
        lower, upper = self._interval(samples, left) if samples else (-math.inf, math.inf)
        reason = f"{cap.words} reached after n={len(samples)}: {_shown(self._key, lower, upper)}"
        return Decision(State.UNDECIDED, reason, lower, upper, self._allowed)

    def _interval(self, samples: list[float], left: Mapping[State, float]) -> tuple[float, float]:
        lower, _ = bounds(samples, self._key, 1 - left[State.BEYOND])
        _, upper = bounds(samples, self._key, 1 - left[State.WITHIN])
        return lower, upper

    def _bound(self, side: State, samples: list[float], share: float) -> float:
        """The bound of one side; a look at too few samples to have one spends nothing."""
        error = self._left[side] * share
        lower, upper = bounds(samples, self._key, 1 - error)
        bound = upper if side is State.WITHIN else lower
        if math.isfinite(bound):
            self._left[side] -= error
        return bound

    def _decided(self, state: State, samples: list[float], lower: float, upper: float) -> Decision:
        return Decision(state, f"n={len(samples)}: {_shown(self._key, lower, upper)}", lower, upper, self._allowed)


def _shown(key: str, lower: float, upper: float) -> str:
    known = math.isfinite(lower), math.isfinite(upper)
    if known == (True, True):
        return f"{key} between {format_seconds(lower)} and {format_seconds(upper)}"
    if known == (False, False):
        return f"{key} unknown"
    return f"{key} at least {format_seconds(lower)}" if known[0] else f"{key} at most {format_seconds(upper)}"
