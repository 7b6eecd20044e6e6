"""The pluggable parts of a run, as the door collected them from its hooks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pytest_perfbudget.capture.driver import Driver
from pytest_perfbudget.model import Finding, TestEvidence
from pytest_perfbudget.postgres.seeders import Seeder
from pytest_perfbudget.postgres.server import ServerKind
from pytest_perfbudget.report.reporter import Reporter
from pytest_perfbudget.rules.base import Rule


def _unchanged(finding: Finding, evidence: TestEvidence) -> Finding:
    return finding


@dataclass(frozen=True, slots=True)
class Parts:
    """Server kinds in the order ``auto`` asks them; ``finding`` is the last word on each finding."""

    servers: tuple[ServerKind, ...] = ()
    seeders: tuple[Seeder, ...] = ()
    drivers: tuple[Driver, ...] = ()
    rules: tuple[Rule, ...] = ()
    reporters: tuple[Reporter, ...] = ()
    finding: Callable[[Finding, TestEvidence], Finding] = _unchanged
    environment: Mapping[str, str] = field(default_factory=dict)
