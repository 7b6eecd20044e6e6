"""ACME101 materialize

What it does: names plans that keep a copy of rows in memory to read it again.
Why is this bad: the copy is made anew for every execution.
Example: a nested loop over a subquery without a usable index.
Use instead: an index on the join column.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pytest_perfbudget.model import Finding, RunResult, TestEvidence, Verdict
from pytest_perfbudget.postgres.seeders import Entry, Project, Target
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


@dataclass(frozen=True)
class Fixtures:
    """Rows of a JSON file: ``{"orders": [{"id": 1}]}``."""

    path: Path
    note: str = ""

    @property
    def name(self) -> str:
        return str(self.path)

    def contents(self) -> bytes:
        return self.path.read_bytes()

    def run(self, target: Target) -> None:
        for table, rows in json.loads(self.contents()).items():
            sql = f"insert into {table} select * from json_populate_recordset(null::{table}, %s)"
            target.connection.execute(sql, [json.dumps(rows)])


class FixturesSeeder:
    """``{ fixtures = "shop.json" }`` in the list ``seed``."""

    name = "fixtures"

    def step(self, entry: Entry, project: Project) -> Fixtures | None:
        taken = isinstance(entry, Mapping) and "fixtures" in entry
        return Fixtures(project.root / entry["fixtures"]) if taken else None


def pytest_perfbudget_seeders() -> Sequence[FixturesSeeder]:
    return [FixturesSeeder()]


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
