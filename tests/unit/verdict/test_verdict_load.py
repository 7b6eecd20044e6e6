from __future__ import annotations

import math
import re
from itertools import count

from pytest_perfbudget.budgets.budget import Budget, Limit
from pytest_perfbudget.errors import At
from pytest_perfbudget.measure.cpu import CpuTime, cpu_time
from pytest_perfbudget.measure.sampling import Decision, Sampled, State
from pytest_perfbudget.model import Verdict
from pytest_perfbudget.model.resources import MemoryUse
from pytest_perfbudget.verdict.load import check_cpu, check_memory, check_throughput

AT = At("budgets/orders.toml", 2)
RATE = Limit("throughput.min", 200, "calls/s", "200", AT, least=True)
CPU = Limit("cpu.per_call", 0.002, "s", "2 ms", AT)
MEMORY = Limit("memory.peak", 64 << 20, "B", "64 MB", AT)


def sampled(state: State, lower: float, upper: float, *samples: float) -> Sampled:
    return Sampled(samples, {"p50": Decision(state, "the cap of 3 s was reached after n=3: …", lower, upper, 1 / 200)})


def test_enough_calls_have_a_figure_and_no_finding() -> None:
    used, finding = check_throughput(RATE, 4, sampled(State.WITHIN, -math.inf, 1 / 250, *[1 / 300] * 6))
    assert (used.key, round(used.value), used.unit) == ("throughput.min", 300, "calls/s")
    assert used.note == "n=6 rounds, 4 clients, at least 250 calls/s"
    assert finding is None


def test_too_few_calls() -> None:
    _, finding = check_throughput(RATE, 1, sampled(State.BEYOND, 1 / 150, math.inf, *[1 / 100] * 12))
    assert (finding.verdict, finding.code, finding.allowed, finding.budget_at) == (
        Verdict.OVER,
        "throughput.min",
        200,
        AT,
    )
    assert finding.message == "throughput.min is 100 calls/s, required 200 calls/s"
    assert finding.note == "n=12 rounds, 1 client, at most 150 calls/s"


def test_a_rate_that_cannot_be_told() -> None:
    used, finding = check_throughput(RATE, 2, sampled(State.UNDECIDED, 1 / 250, 1 / 160, *[1 / 200] * 3))
    assert used.note == "n=3 rounds, 2 clients, between 160 calls/s and 250 calls/s"
    assert finding.verdict is Verdict.UNJUDGED
    assert finding.message.startswith("throughput.min: is 200 calls/s (n=3 rounds, 2 clients, between 160 calls/s and")
    used, finding = check_throughput(RATE, 2, sampled(State.UNDECIDED, -math.inf, math.inf))
    assert (used, finding.verdict) == (None, Verdict.UNJUDGED)


def test_cpu_time() -> None:
    used, finding = check_cpu(CPU, CpuTime(0.001, 40, 1, State.WITHIN, "n=40 on 1 backend"))
    assert (used.value, used.note, finding) == (0.001, "n=40 on 1 backend", None)
    _, finding = check_cpu(CPU, CpuTime(0.003, 90, 5, State.BEYOND, "n=90 on 5 backends"))
    assert (finding.verdict, finding.measured, finding.note) == (Verdict.OVER, 0.003, "n=90 on 5 backends")
    _, finding = check_cpu(CPU, CpuTime(0.003, 9, 2, State.UNDECIDED, "the cap"))
    assert (finding.verdict, finding.message) == (Verdict.UNJUDGED, "cpu.per_call: the cap")
    used, finding = check_cpu(CPU, CpuTime(math.inf, 0, 0, State.UNDECIDED, "the cap"))
    assert (used, finding.message) == (None, "cpu.per_call: the cap")


def test_a_cpu_time_that_is_always_nothing_is_no_figure() -> None:
    """It is infinite, which JSON does not know: the report of the run could not be written."""
    clock = count()
    measured = cpu_time(lambda: lambda number: 0.0, CPU.value, lambda: next(clock) * 0.01, lambda seconds: None)
    used, finding = check_cpu(CPU, measured)
    assert (used, finding.verdict) == (None, Verdict.UNJUDGED)
    assert re.fullmatch(r"cpu\.per_call: the system told no CPU time of \d+ calls", finding.message)


def test_memory() -> None:
    budget = Budget("orders.recent", AT, limits={"memory.peak": MEMORY})
    used, finding = check_memory(budget, MemoryUse(64 << 20, 7))
    assert (used.value, used.note, finding) == (64 << 20, "n=7", None)
    _, finding = check_memory(budget, MemoryUse((64 << 20) + 1, 7))
    assert (finding.verdict, finding.unit) == (Verdict.OVER, "B")
    for use, why in ((MemoryUse(why="on Linux"), "on Linux"), (MemoryUse(), "no connection to the test's database")):
        used, finding = check_memory(budget, use)
        assert (used, finding.verdict) == (None, Verdict.UNJUDGED)
        assert finding.message.startswith(f"memory.peak: {why}")
