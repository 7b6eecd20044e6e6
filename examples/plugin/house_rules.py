"""ACME101 materialize

What it does: names plans that keep a copy of rows in memory to read it again.
Why is this bad: the copy is made anew for every execution.
Example: a nested loop over a subquery without a usable index.
Use instead: an index on the join column.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pytest_perfbudget.model import Finding, RunResult, TestEvidence, Verdict
from pytest_perfbudget.rules.base import Hit, Rule
from pytest_perfbudget.rules.subject import Subject


class CsvReporter:
    """One line per test: its id, its budget, its verdict."""

    kind = "csv"

    def write(self, result: RunResult, path: Path) -> None:
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["test", "budget", "verdict"])
            writer.writerows([test.nodeid, test.budget, test.verdict.value] for test in result.tests)


def check_materialize(subject: Subject, thresholds: Mapping[str, Any]) -> Iterable[Hit]:
    for node in subject.plan.root.walk():
        if node.type == "Materialize":
            yield Hit("ACME101", "materialize", None, "rows are copied and read again", node)


def pytest_perfbudget_reporters() -> Sequence[CsvReporter]:
    return [CsvReporter()]


def pytest_perfbudget_rules() -> Sequence[Rule]:
    return [Rule("ACME101", "materialize", frozenset({"plan"}), check_materialize, __doc__ or "")]


def pytest_perfbudget_finding(finding: Finding, evidence: TestEvidence) -> Finding | None:
    if finding.verdict not in (Verdict.OVER, Verdict.REGRESSED):
        return None
    runbook = f"runbook: wiki/slow-queries#{evidence.budget}"
    return replace(finding, fix=f"{finding.fix}\n{runbook}" if finding.fix else runbook)


def pytest_perfbudget_environment() -> dict[str, str]:
    return {"runner": os.environ.get("RUNNER_NAME", "a laptop")}
