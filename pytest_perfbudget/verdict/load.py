"""``throughput.min``, ``cpu.per_call`` and ``memory.peak``: the figure, and the finding where it breaks its limit."""

from __future__ import annotations

from pytest_perfbudget.budgets.budget import Budget, Limit
from pytest_perfbudget.measure.cpu import CpuTime
from pytest_perfbudget.measure.load import rates
from pytest_perfbudget.measure.sampling import Sampled, State
from pytest_perfbudget.model import Finding
from pytest_perfbudget.model.resources import MemoryUse, Used
from pytest_perfbudget.units import format_count, format_measure
from pytest_perfbudget.verdict.bounded import over, unjudged

Found = tuple[Used | None, Finding | None]


def check_throughput(limit: Limit, clients: int, sampled: Sampled) -> Found:
    """Of rounds whose samples are seconds per call."""
    decision = sampled.decisions["p50"]
    if not sampled.samples:
        return None, unjudged(limit, decision.reason)
    found = rates(sampled)
    low, high = (format_measure(rate, limit.unit) if rate else "" for rate in (found.lower, found.upper))
    between = f"between {low} and {high}" if low and high else f"at least {low}" if low else f"at most {high}"
    rests = f"n={len(sampled.samples)} rounds, {clients} client{'s' if clients > 1 else ''}"
    used = Used(limit.key, found.median, limit.unit, f"{rests}, {between}" if low or high else rests)
    if decision.state is State.WITHIN:
        return used, None
    if decision.state is State.BEYOND:
        return used, over(limit, found.median, note=f"{rests}, at most {high}")
    return used, unjudged(limit, f"is {format_measure(found.median, limit.unit)} ({used.note}): {decision.reason}")


def check_cpu(limit: Limit, measured: CpuTime) -> Found:
    """Of a backend's CPU time for each call; no figure where none could be read."""
    if not measured.connections:
        read = f"the system told no CPU time of {format_count(measured.n)} calls" if measured.n else measured.reason
        return None, unjudged(limit, read)
    used = Used(limit.key, measured.seconds, limit.unit, measured.reason)
    if measured.state is State.WITHIN:
        return used, None
    if measured.state is State.BEYOND:
        return used, over(limit, measured.seconds, note=measured.reason)
    return used, unjudged(limit, measured.reason)


def check_memory(budget: Budget, use: MemoryUse) -> Found:
    """Of the test's backends while its body ran."""
    limit = budget.limits["memory.peak"]
    if use.why or not use.n:
        return None, unjudged(limit, use.why or "no connection to the test's database was seen while the test ran")
    used = Used(limit.key, use.peak, limit.unit, f"n={use.n}")
    return used, over(limit, use.peak, note=used.note) if use.peak > limit.value else None
