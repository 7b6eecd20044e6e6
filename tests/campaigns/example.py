"""Runs of the example suite for the campaigns: one command line, the JSON report read back."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
EXAMPLE = ROOT / "examples" / "classification"
SEED = tuple(f"seed/{name}" for name in ("1_schema.sql", "2_data.sql", "3_indexes.sql"))
INDEXES = tuple(
    re.findall(r"^CREATE (?:UNIQUE )?INDEX (\w+)", (EXAMPLE / "seed" / "3_indexes.sql").read_text(), re.MULTILINE)
)


@dataclass(frozen=True)
class Run:
    """One finished run: pytest's exit code, what it printed, its JSON report (empty if it wrote none)."""

    code: int
    output: str
    report: dict[str, Any]

    @property
    def verdicts(self) -> dict[str, str]:
        return {test["nodeid"]: test["verdict"] for test in self.report.get("tests", [])}


def command(*arguments: str) -> list[str]:
    alone = ("-p", "no:cacheprovider", "-p", "no:randomly")
    return [sys.executable, "-m", "pytest", "-q", "--no-header", *alone, *arguments]


def run(
    *arguments: str,
    extra_seed: tuple[str, ...] = (),
    environ: dict[str, str] | None = None,
    suite: Path = EXAMPLE,
) -> Run:
    """The example suite, or a copy of it, with more steps after its own seed if any are given (relative to it)."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "perf.json"
        full = os.environ | {"PERFBUDGET_SEED": os.pathsep.join((*SEED, *extra_seed))} | (environ or {})
        done = subprocess.run(
            command(f"--perf-report=json:{report}", *arguments),
            cwd=suite,
            env=full,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        found = json.loads(report.read_text()) if report.exists() else {}
        return Run(done.returncode, done.stdout, found)
