"""PB506 planning-share

What it finds
    A statement whose planning took 100 ms or more, and longer than its execution.

Why it matters
    Planning is repeated for each execution that is not prepared, and for the first five of those that are. Dozens of
    joins, hundreds of partitions that are not pruned while planning, or statistics targets of thousands make it the
    larger part.

Example
    SELECT … FROM measurements WHERE taken_at > now() - ::interval        400 partitions
        planning 148 ms, execution 2.1 ms

Use instead
    A prepared statement; fewer partitions, or a condition on the partition key that planning can use; fewer joins, or a
    lower join_collapse_limit.

Options
    share    planning ÷ (planning and execution) (0.5)
    ms       milliseconds of planning (100)
"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_perfbudget.plans.node import number
from pytest_perfbudget.rules.base import Hit, Rule, Thresholds
from pytest_perfbudget.rules.subject import Subject
from pytest_perfbudget.units import format_seconds


def _check(subject: Subject, thresholds: Thresholds) -> Iterator[Hit]:
    planning, execution = (number(subject.plan.document.get(f"{part} Time")) for part in ("Planning", "Execution"))
    if planning >= thresholds["ms"] and planning >= thresholds["share"] * (planning + execution):
        words = f"planning took {format_seconds(planning / 1000)}, execution {format_seconds(execution / 1000)}"
        yield Hit(RULE.code, RULE.name, None, words, subject.plan.root)


RULE = Rule("PB506", "planning-share", frozenset({"analyze", "timing"}), _check, __doc__, {"share": 0.5, "ms": 100})
