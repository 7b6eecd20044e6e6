"""What others had of the processors while something was measured, and what it can explain: nothing may fail for it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

from pytest_perfbudget.measure.confirm import Sample
from pytest_perfbudget.measure.sampling import Cap, Decision, Sampled, State, sample
from pytest_perfbudget.model.resources import Shared
from pytest_perfbudget.units import format_measure

TAKEN = 2
"""Seconds that a second of others can have cost: the one that they had, and as much for the caches they leave."""
BESIDE = 0.6
"""By how much a call takes more CPU time, at the most, while others have all the rest of the processors' time: of two
threads of one core each takes about so much longer."""

UNHINDERED = 3.0
"""How many times as long most executions can take beside others where their waiting is left out: 1.6 times by a second
thread of the core, and twice by the caches. The slowest can take any time: 2 of 24 unchanged p95 took longer."""

_SLOW = {"p50": 0.5, "p95": 0.05, "p99": 0.01, "mean": 1.0}
"""The share of executions that take at least as long."""

Watch = Callable[[], Callable[[], Shared]]
"""Begins to watch the processors, and gives what tells of the time since then."""


def faster(shared: Shared) -> float:
    """How many times as fast all could have been without others, at the most."""
    ours = shared.busy - shared.others
    if shared.others <= 0:
        return 1.0
    return 1 + TAKEN * shared.others / ours if ours > 0 else math.inf


def explains(shared: Shared, seconds: float, allowed: float, slow: float = 1.0, most: float = math.inf) -> bool:
    """Whether what took ``seconds`` can have taken no more than ``allowed`` without others: by the rate at which they
    slow all (``most`` times at most), and by the time they had, of which ``slow`` executions, one after the other, have
    each lost the difference. What sleeps or waits for a lock is slowed by nobody's little."""
    lost = slow * (seconds - allowed)
    return seconds / min(faster(shared), most) <= allowed and lost <= TAKEN * shared.others


def slowed(shared: Shared) -> float:
    """How many times the CPU time of a call may be what it is without others, at the most."""
    left = shared.of - (shared.busy - shared.others)
    return 1 + BESIDE * min(shared.others / left, 1.0) if left > 0 else 1.0


def meanwhile(shared: Shared) -> str:
    """For a reader."""
    return f"others had {format_measure(shared.others / shared.of, '%')} of the processors' time meanwhile"


def beside(watch: Watch, most: float = math.inf) -> Sample:
    """How to sample where there may be others, who explain ``most`` times the median that it would have taken."""

    def watched(
        execute: Callable[[], float],
        allowed: Mapping[str, float],
        clock: Callable[[], float],
        cap: Cap,
        warm_up: int,
    ) -> Sampled:
        since = watch()
        sampled = sample(execute, allowed, clock, cap, warm_up)
        return without_others(sampled, since(), most) if sampled.beyond else sampled

    return watched


def without_others(sampled: Sampled, shared: Shared, most: float = math.inf) -> Sampled:
    """``sampled``, with each ``beyond`` made ``undecided`` that might not be one without others: what was sampled might
    have taken 1/:func:`faster` of the time, a median at least 1/``most`` of it."""
    decisions = {
        key: unless_others(key, decision, len(sampled.samples), shared, most if key == "p50" else math.inf)
        for key, decision in sampled.decisions.items()
    }
    return replace(sampled, decisions=decisions)


def unless_others(key: str, decision: Decision, n: int, shared: Shared, most: float = math.inf) -> Decision:
    """``decision`` on ``key`` of ``n`` executions, one after the other; undecided where it is that the limit is
    exceeded, and others :func:`explain <explains>` it."""
    slow = max(_SLOW[key] * n, 1.0)
    if decision.state is not State.BEYOND or not explains(shared, decision.lower, decision.allowed, slow, most):
        return decision
    return replace(decision, state=State.UNDECIDED, reason=f"{decision.reason}, but {meanwhile(shared)}")
