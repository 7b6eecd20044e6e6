"""Hooks → parts: what all plugins offer, the first of a name winning."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from pytest_perfbudget.model import Finding, TestEvidence
from pytest_perfbudget.session.parts import Parts

T = TypeVar("T")


def collect(hook: Any) -> Parts:
    """Ask every registered plugin once."""

    def finding(found: Finding, evidence: TestEvidence) -> Finding:
        changed: Finding | None = hook.pytest_perfbudget_finding(finding=found, evidence=evidence)
        return changed or found

    facts: dict[str, str] = {}
    for offered in hook.pytest_perfbudget_environment():
        facts = dict(offered) | facts
    return Parts(
        servers=_first(hook.pytest_perfbudget_servers(), lambda kind: kind.name),
        seeders=_first(hook.pytest_perfbudget_seeders(), lambda seeder: seeder.name),
        drivers=_first(hook.pytest_perfbudget_drivers(), lambda driver: driver.name),
        rules=_first(hook.pytest_perfbudget_rules(), lambda rule: rule.code),
        reporters=_first(hook.pytest_perfbudget_reporters(), lambda reporter: reporter.kind),
        finding=finding,
        environment=facts,
    )


def _first(offers: Iterable[Iterable[T]], name: Callable[[T], str]) -> tuple[T, ...]:
    found: dict[str, T] = {}
    for offer in offers:
        for part in offer:
            found.setdefault(name(part), part)
    return tuple(found.values())
