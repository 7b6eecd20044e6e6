"""What was measured, shown with ``-v``: times statement by statement, their histogram with ``-vv``; resources."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_perfbudget.measure.histogram import histogram
from pytest_perfbudget.model import Latency, TestResult
from pytest_perfbudget.statements import one_line
from pytest_perfbudget.units import format_count, format_measure, format_seconds

_WIDTH = 90
"""Characters of a statement."""
_STATES = {"first": "planned anew", "custom": "custom plan", "generic": "generic plan"}


def latencies(tests: Sequence[TestResult], verbosity: int) -> list[str]:
    """The lines, none where nothing was timed."""
    lines: list[str] = []
    for test in tests:
        timed = [(query, query.latency) for query in test.evidence.queries if query.latency] if test.evidence else []
        lines += [test.nodeid] if timed else []
        for query, latency in timed:
            case = f"case {query.case}: " if query.case else ""
            lines.append(f"  {case}{one_line(query.sql, _WIDTH)}")
            lines += [f"    {line}" for line in _figures(latency, verbosity)]
    return lines


def resources(tests: Sequence[TestResult]) -> list[str]:
    """What was measured of tests as a whole, a line each."""
    return [
        f"{test.nodeid}   {used.key} {format_measure(used.value, used.unit)} ({used.note})"
        for test in tests
        for used in (test.evidence.used if test.evidence else ())
    ]


def _figures(latency: Latency, verbosity: int) -> list[str]:
    quantiles = [f"{name} {format_seconds(getattr(latency, name))}" for name in ("p50", "p95", "p99", "mean")]
    lines = ["   ".join(quantiles), ", ".join(_quality(latency))]
    return lines + list(histogram(latency.bars)) if verbosity >= 2 else lines


def _quality(latency: Latency) -> list[str]:
    """How far the figures can be trusted, and what they rest on."""
    parts = [f"n={format_count(latency.n)}"]
    if latency.interval:
        low, high = (format_seconds(bound) for bound in latency.interval)
        parts.append(f"interval {low} to {high}")
    parts.append(f"noise ±{format_seconds(latency.noise)}")
    if latency.calibration:
        parts.append(f"calibration {latency.calibration:.2f}")
    if latency.saved is not None:
        parts.append(f"{format_count(latency.saved)} executions saved")
    if len(latency.states) > 1:
        parts += [f"{format_count(number)} {_STATES[state]}" for state, number in latency.states.items()]
    return parts + [_STATES[state] for state in latency.states if len(latency.states) == 1]
