"""Sixteen digits that name the shape of a plan."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from pytest_perfbudget.plans.node import Plan
from pytest_perfbudget.plans.render import tree
from pytest_perfbudget.plans.serial import serial

VERSION = 2
"""Rises when the lines of ``render.tree`` change for an unchanged plan: fingerprints of two versions never compare."""


def fingerprint(plan: Plan, *, parallel: bool = False) -> str:
    """Sixteen hexadecimal digits: SHA-256 of the version and the lines of ``tree(plan, parallel=parallel)``.

    A plan that is shared out to workers has the fingerprint of the plan one process would execute, so that a worker
    more or less is no change of shape; ``parallel=True`` tells them apart.
    """
    return mark(tree(plan, parallel=parallel))


def marked(plan: Plan) -> tuple[str, tuple[str, ...]]:
    """``fingerprint(plan)`` and ``tree(plan)``, written once where they are of the same lines."""
    lines = tree(plan)
    return mark(lines if serial(plan.root) is plan.root else tree(plan, parallel=False)), lines


def mark(lines: Sequence[str]) -> str:
    """The fingerprint of a plan by its lines."""
    text = "\n".join([f"version {VERSION}", *lines])
    # JSON may carry lone surrogates, which UTF-8 proper refuses.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
