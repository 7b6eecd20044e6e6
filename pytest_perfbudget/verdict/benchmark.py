"""``latency.*`` of a test that benchmarks a function: its calls are held to the limits, in place of each statement."""

from __future__ import annotations

import math

from pytest_perfbudget.budgets.budget import Budget, Limit
from pytest_perfbudget.measure.others import unless_others
from pytest_perfbudget.measure.sampling import Cap, Decision, State, decided
from pytest_perfbudget.measure.statistics import summary
from pytest_perfbudget.model import Finding
from pytest_perfbudget.model.resources import ALONE, Benchmarked, Shared, Used
from pytest_perfbudget.units import format_count, format_seconds
from pytest_perfbudget.verdict.bounded import over, unjudged

LATENCIES = ("latency.p50", "latency.p95", "latency.p99", "latency.mean")
_WHOSE = "of the benchmarked function"


def check_benchmark(
    budget: Budget, measured: Benchmarked, disturbed: str | None, shared: Shared = ALONE
) -> tuple[tuple[Used, ...], tuple[Finding, ...]]:
    """The figures, whatever they are, and a finding for each limit that is exceeded or cannot be judged; ``shared`` is
    the processors' time while the test ran."""
    limits = {key: budget.limits[key] for key in LATENCIES if key in budget.limits}
    if why := disturbed or measured.why:
        return (), tuple(unjudged(limit, why) for limit in limits.values())
    found = [_checked(limit, measured, shared) for limit in limits.values()]
    return tuple(used for used, _ in found if used), tuple(finding for _, finding in found if finding)


def _checked(limit: Limit, measured: Benchmarked, shared: Shared) -> tuple[Used | None, Finding | None]:
    name, n, loop = limit.key.removeprefix("latency."), len(measured.samples), measured.iterations
    if loop > 1 and name != "mean":
        words = f"its rounds are of {format_count(loop)} calls each, and have a mean alone"
        return None, unjudged(limit, f"{words}: benchmark.pedantic(…, rounds=100) times every call")
    ended = Cap(math.inf, "the end of the benchmark's rounds was")
    decision = decided(measured.samples, {name: limit.value}, ended, looks=False)[name]
    decision = unless_others(name, decision, n * loop, shared)
    if not n:
        return None, unjudged(limit, decision.reason)
    figure = getattr(summary(measured.samples), name)
    used = Used(limit.key, figure, limit.unit, f"{_WHOSE}, n={format_count(n)}")
    return used, _finding(limit, figure, decision, n)


def _finding(limit: Limit, figure: float, decision: Decision, n: int) -> Finding | None:
    if decision.state is State.WITHIN:
        return None
    if decision.state is State.BEYOND:
        note = f"{_WHOSE}, n={format_count(n)}, at least {format_seconds(decision.lower)}"
        return over(limit, figure, note=note)
    return unjudged(limit, f"{_WHOSE} {decision.reason}")
