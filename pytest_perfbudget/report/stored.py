"""What readers say of ``latency.baseline``: the line of what was recorded, and every statement's figure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pytest_perfbudget.measure.paired import signed
from pytest_perfbudget.model import RunResult, Stored, TestResult


def headline(result: RunResult) -> list[str]:
    """A line about the recording; none outside CI, and for a run that timed nothing."""
    return [f"perfbudget: {line}" for line in result.timings]


def times(tests: Sequence[TestResult]) -> Iterator[str]:
    """A line for each statement that was timed."""
    for test in tests:
        for query in test.evidence.queries if test.evidence else ():
            if one := query.stored:
                change = signed(one.change) if one.change is not None else ""
                case = f" {query.case}" if query.case else ""
                yield f"{one.verdict:<10}{change:>8}  runs={one.runs:<4} {test.nodeid}  {query.id}{case}: {one.reason}"


def document(stored: Stored) -> dict[str, Any]:
    """For the JSON report."""
    shares = {name: getattr(stored, name) for name in ("change", "margin", "sees")}
    return {
        "figure": stored.figure,
        "rounds": stored.rounds,
        "machine": stored.machine,
        "verdict": stored.verdict,
        "reason": stored.reason,
        "runs": stored.runs,
        **{name: None if share is None else round(share, 4) for name, share in shares.items()},
        "again": stored.again,
    }
