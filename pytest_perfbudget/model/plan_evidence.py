"""A plan as evidence: its fingerprint and its lines."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PlanEvidence:
    """A plan that was really used (``auto_explain``) or asked for (``explain``), ``calls`` times."""

    fingerprint: str
    version: int
    calls: int
    tree: tuple[str, ...]
    source: str = "auto_explain"
    statistics: str = "actual"
