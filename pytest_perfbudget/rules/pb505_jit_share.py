"""PB505 jit-share

What it finds
    A statement that spent 25 % or more of its execution time, and 10 ms or more, on compiling itself (JIT).

Why it matters
    Compilation is decided by the estimated cost, not by the time, and paid again by every execution, prepared or not.
    An estimate that is too high makes a query of a few milliseconds wait for a hundred milliseconds of compilation.

Example
    SELECT kind, count(*) FROM events GROUP BY kind
        JIT: 6 functions        48 ms of 61 ms

Use instead
    jit = off for services whose statements are short, or a higher jit_above_cost; for reports leave it on.

Options
    share    compilation ÷ execution (0.25)
    ms       milliseconds of compilation (10)
"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_perfbudget.plans.node import Plan, number
from pytest_perfbudget.rules.base import Hit, Rule, Thresholds
from pytest_perfbudget.rules.subject import Subject
from pytest_perfbudget.units import format_count, format_seconds


def _check(subject: Subject, thresholds: Thresholds) -> Iterator[Hit]:
    compiled, executed = _compiled(subject.plan), number(subject.plan.document.get("Execution Time"))
    if compiled >= thresholds["ms"] and compiled >= thresholds["share"] * executed:
        functions = number(_jit(subject.plan).get("Functions"))
        spent = f"{format_seconds(compiled / 1000)} of {format_seconds(executed / 1000)}"
        words = f"compilation of {format_count(functions)} functions took {spent}"
        yield Hit(RULE.code, RULE.name, None, words, subject.plan.root)


def _compiled(plan: Plan) -> float:
    """Milliseconds, in the leader and its workers."""
    timing = _jit(plan).get("Timing")
    return number(timing.get("Total")) if isinstance(timing, dict) else 0.0


def _jit(plan: Plan) -> dict[str, object]:
    jit = plan.document.get("JIT")
    return jit if isinstance(jit, dict) else {}


RULE = Rule("PB505", "jit-share", frozenset({"analyze", "timing"}), _check, __doc__, {"share": 0.25, "ms": 10})
