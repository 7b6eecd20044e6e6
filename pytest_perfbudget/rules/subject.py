"""What a rule looks at: a plan, and whatever else is known about the statement it belongs to."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_perfbudget.plans.node import Plan


@dataclass(frozen=True, slots=True)
class Subject:
    """A plan under examination. ``sql`` is the statement's text, empty where only the plan is known."""

    plan: Plan
    sql: str = ""
