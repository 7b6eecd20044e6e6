"""Rules by which a slower statement is told from an unchanged one: ours, and what others publish.

Each is stated here in our words with the place where it is published, and given all recorded rounds, or as many as its
tool takes. A rule says whether it fails, and how many rounds it needed.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import fmean, median

from gate_samples import Case, Series

from pytest_perfbudget.measure.paired import FRESH_PAIRS, LOOKS, Comparison, Look, Step
from pytest_perfbudget.measure.regression import outcome
from pytest_perfbudget.measure.stored import judge
from pytest_perfbudget.model import Verdict

CAUGHT = 0.10
"""The slowdown every rule is set to catch, or its own default near it."""
SPLITS = 2000
PAIRED = ("one backend", "two schemas", "busy machine", "two backends", "pinned")


@dataclass(frozen=True)
class Rule:
    """``where`` are the layouts it is asked about: the first is its own, by how its tool measures."""

    name: str
    published: str
    where: Sequence[str]
    fails: Callable[[Case], tuple[bool | None, int]]
    """Whether it fails (None: it would not judge) and the rounds it took."""


def looked(series: Series, looks: Sequence[int] = LOOKS) -> Look:
    """Our rounds, until they are decided; ``unjudged`` where the recording ends before."""
    comparison = Comparison(CAUGHT, looks)
    for old, new, control in zip(series.old, series.new, series.control, strict=True):
        comparison.add(old, new, control)
        if (look := comparison.look()).step is not Step.MORE:
            return look
    return comparison.stop(f"{len(series.old)} rounds are recorded")


def _paired(case: Case) -> tuple[bool | None, int]:
    looks = FRESH_PAIRS if case.layout == "fresh pairs" else LOOKS
    first = looked(case.first, looks)
    again = looked(case.again, looks) if first.step in (Step.CANDIDATE, Step.IMPROVED) else None
    verdict = outcome(first, again).verdict
    rounds = first.change.n + (again.change.n if again else 0)
    return None if verdict is Verdict.UNJUDGED else verdict is Verdict.REGRESSED, rounds


def _unconfirmed(case: Case) -> tuple[bool | None, int]:
    look = looked(case.first)
    return None if look.step is Step.UNJUDGED else look.step is Step.CANDIDATE, look.change.n


def _stored(asked: float) -> Callable[[Case], tuple[bool | None, int]]:
    def fails(case: Case) -> tuple[bool | None, int]:
        verdict = judge(case.figure or math.nan, case.recorded, "one", asked).verdict
        return None if verdict is Verdict.UNJUDGED else verdict is Verdict.REGRESSED, len(case.first.new)

    return fails


def _field(figure: Callable[[Sequence[float]], float]) -> Callable[[Case], tuple[bool | None, int]]:
    def fails(case: Case) -> tuple[bool | None, int]:
        return figure(case.first.new) > figure(case.first.old) * (1 + CAUGHT), len(case.first.new)

    return fails


def _performs_within(case: Case) -> tuple[bool | None, int]:
    def trimmed(samples: Sequence[float]) -> float:
        return fmean(sorted(samples[:10])[1:9])

    allowed = trimmed(case.first.old)
    return abs(trimmed(case.first.new) - allowed) > CAUGHT * allowed, 10


def _duckdb(floor: float) -> Callable[[Case], tuple[bool | None, int]]:
    def fails(case: Case) -> tuple[bool | None, int]:
        step = len(case.first.old) // 5
        for turn in range(5):
            at = slice(turn * step, turn * step + 5)
            if (median(case.first.old[at]) + floor) * 1.1 >= median(case.first.new[at]):
                return False, 5 * (turn + 1)
        return True, 25

    return fails


def _benchstat(case: Case) -> tuple[bool | None, int]:
    old, new = _means(case.first.old, 10), _means(case.first.new, 10)
    return median(new) > median(old) and rank_test(old, new) < 0.05, len(case.first.new)


def _asv(case: Case) -> tuple[bool | None, int]:
    old, new = _means(case.first.old, 20), _means(case.first.new, 20)
    return rank_test(old, new) < 0.002 and median(old) < median(new) / 1.1, len(case.first.new)


def _randomised(quantile: float, least: float) -> Callable[[Case], tuple[bool | None, int]]:
    def fails(case: Case) -> tuple[bool | None, int]:
        old, new = case.first.old, case.first.new
        change = (median(new) - median(old)) / median(old)
        noise = split_noise(old, new, quantile) / median(old)
        return change >= max(noise, least), len(new)

    return fails


def _means(samples: Sequence[float], parts: int) -> list[float]:
    size = len(samples) // parts
    return [fmean(samples[part * size : (part + 1) * size]) for part in range(parts)]


def rank_test(old: Sequence[float], new: Sequence[float]) -> float:
    """Two-sided p of Mann and Whitney's U, exact; ties count half and are rounded towards no difference."""
    wins = sum((a > b) + (a == b) / 2 for a in old for b in new)
    pairs = len(old) * len(new)
    smaller = math.ceil(min(wins, pairs - wins))
    counts = _orderings(len(old), len(new))
    return min(2 * sum(counts[: smaller + 1]) / sum(counts), 1.0)


@cache
def _orderings(m: int, n: int) -> tuple[int, ...]:
    """How many of all orderings of m and n samples have U = 0, 1, …: the coefficients of a Gaussian binomial."""
    counts = [1] + [0] * (m * n)
    for i in range(1, m + 1):
        for u in range(m * n, n + i - 1, -1):
            counts[u] -= counts[u - n - i]
        for u in range(i, m * n + 1):
            counts[u] += counts[u - i]
    return tuple(counts)


def split_noise(old: Sequence[float], new: Sequence[float], quantile: float) -> float:
    """The quantile of |difference of medians| when all samples are split at random.

    Which ranks become medians depends on the numbers of samples only: the splits are drawn once for each.
    """
    pooled = sorted([*old, *new])
    differences = sorted(
        abs(pooled[a] + pooled[b] - pooled[c] - pooled[d]) / 2 for a, b, c, d in _splits(len(old), len(new))
    )
    return differences[int(quantile * len(differences))]


@cache
def _splits(m: int, n: int) -> list[tuple[int, int, int, int]]:
    draw, places = random.Random(1), range(m + n)
    found = []
    for _ in range(SPLITS):
        chosen = set(draw.sample(places, m))
        left = [place for place in places if place in chosen]
        right = [place for place in places if place not in chosen]
        found.append((left[(m - 1) // 2], left[m // 2], right[(n - 1) // 2], right[n // 2]))
    return found


RULES = (
    Rule(
        "paired (latency.regress)",
        "measure/paired.py and regression.py: two connections must agree; measure/fresh.py for the fresh pairs",
        ("two schemas", "busy machine", "one backend", "pinned", "fresh pairs", "two backends"),
        _paired,
    ),
    Rule("paired, one connection", "the same without the second connection", PAIRED, _unconfirmed),
    Rule("stored (latency.baseline), 15 %", "measure/stored.py: 10 recorded runs", ("another run",), _stored(0.15)),
    Rule("stored (latency.baseline), 25 %", "the same, as across classes of CPU", ("another run",), _stored(0.25)),
    Rule(
        "pytest-benchmark mean:10%",
        "--benchmark-compare-fail: the mean is more than 10 % above the stored one (pytest_benchmark/utils.py, "
        "PercentageRegressionCheck)",
        ("another run", *PAIRED),
        _field(fmean),
    ),
    Rule("pytest-benchmark median:10%", "the same of the median", ("another run", *PAIRED), _field(median)),
    Rule("pytest-benchmark min:10%", "the same of the minimum", ("another run", *PAIRED), _field(min)),
    Rule(
        "pgTAP performs_within",
        "the mean of the middle 80 % of 10 executions is within ±10 % of the average given, here another run's (pgtap, "
        "_time_trials and performs_within)",
        ("another run", *PAIRED),
        _performs_within,
    ),
    Rule(
        "ClickHouse",
        "interleaved on two servers; the medians differ by 5 % and by the 99 % quantile of random splits "
        "(tests/performance/scripts/README.md, eqmed.sql)",
        ("two backends", "one backend", "two schemas", "busy machine", "pinned", "another run"),
        _randomised(0.99, 0.05),
    ),
    Rule(
        "RegreSQL compare",
        "interleaved on two servers; the medians differ by 5 % and by the 95 % quantile of 2,000 random splits "
        "(regresql/timing.go)",
        ("two backends", "one backend", "two schemas", "busy machine", "pinned", "another run"),
        _randomised(0.95, 0.05),
    ),
    Rule(
        "DuckDB",
        "(old + 0.05 s) × 1.1 < new for medians of 5, in each of 5 repetitions (scripts/regression/test_runner.py)",
        ("another run", *PAIRED),
        _duckdb(0.05),
    ),
    Rule(
        "DuckDB without 0.05 s", "the same with --regression-threshold-seconds 0", ("another run", *PAIRED), _duckdb(0)
    ),
    Rule(
        "benchstat",
        "10 results a side, p < 0.05 by Mann and Whitney's U and a higher median (golang.org/x/perf/cmd/benchstat)",
        ("another run", *PAIRED),
        _benchstat,
    ),
    Rule(
        "asv",
        "20 samples a side, p < 0.002 by the same test and a median more than 1.1 times the old one "
        "(asv/statistics.py, asv/commands/compare.py)",
        ("another run", *PAIRED),
        _asv,
    ),
)
