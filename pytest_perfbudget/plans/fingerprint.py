"""Sixteen digits that name the shape of a plan."""

from __future__ import annotations

import hashlib

from pytest_perfbudget.plans.node import Plan
from pytest_perfbudget.plans.render import tree

VERSION = 1
"""Rises when the lines of ``render.tree`` change for an unchanged plan: fingerprints of two versions never compare."""


def fingerprint(plan: Plan) -> str:
    """Sixteen hexadecimal digits: SHA-256 of the version and the lines of ``tree(plan)``."""
    text = "\n".join([f"version {VERSION}", *tree(plan)])
    # JSON may carry lone surrogates, which UTF-8 proper refuses.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
