"""The JSON report: its schema, its names, its file."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from report_data import ID, PROBLEM, evidence, query, regressed, result, run

from pytest_perfbudget.model import RunResult, Verdict, Work
from pytest_perfbudget.report import BUILTIN
from pytest_perfbudget.report.json import JsonReporter, document

SCHEMA = json.loads(resources.files("pytest_perfbudget.report").joinpath("schema.json").read_text())
GIT = {"commit": "abc", "branch": "main", "dirty": False}


def validator() -> Any:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    return jsonschema.Draft202012Validator(SCHEMA)


RUNS = {
    "nothing": run(environment=None),
    "green": run(result()),
    "uncounted": run(result(evidence=evidence(query(work=None, plans=(), sites=())))),
    "no evidence": run(result(outcome="error", evidence=None)),
    "failed": run(regressed(), problems=(PROBLEM, replace(PROBLEM, site=None)), git=GIT, complete=False),
}


@pytest.mark.parametrize("whole", RUNS.values(), ids=RUNS)
def test_every_run_meets_the_schema(whole: RunResult) -> None:
    validator().validate(document(whole))


def test_the_figures_of_a_failed_run() -> None:
    report = document(RUNS["failed"])
    test = report["tests"][0]

    assert report["format"] == 1
    assert report["run"]["postgres"] == {
        "version": "18.6", "major": 18, "server": "embedded", "profile": "deterministic"
    }  # fmt: skip
    assert report["run"]["git"] == GIT
    assert (report["run"]["duration_s"], report["run"]["complete"]) == (1.235, False)
    assert (test["verdict"], test["outcome"]) == ("over", "failed")
    assert test["findings"][0]["budget_at"] == {"file": "budgets/orders.toml", "line": 4}
    assert test["used"] == [
        {"key": "cpu.per_call", "value": 0.0021, "unit": "s", "note": "n=90 on 3 backends"},
        {"key": "memory.peak", "value": 3 << 20, "unit": "B", "note": "n=7"},
    ]
    first, second = test["growth"]
    assert first | {"points": first["points"][:1]} == {
        "query": ID, "metric": "buffers", "bound": "O(log n)", "state": "beyond", "reason": "grows", "gated": True,
        "exponent": [1.0, 0.97, 1.03], "points": [{"rows": 1000, "figure": 5.0, "plan": "f00d"}],
        "flips": [[4000, 16_000]],
    }  # fmt: skip
    assert (second["query"], second["exponent"], len(second["points"])) == (None, [0.0, 0.0, None], 4)
    assert test["queries"][0]["latency"] == {
        "n": 40, "p50_ms": 31.2, "p95_ms": 41.8, "p99_ms": 44.4, "mean_ms": 32.1, "ci_ms": [40.5, 43.1],
        "noise_ms": 1.3, "saved": 900, "calibration": 1.31, "states": {"generic": 40}, "bars": [[31.0, 39], [41.8, 1]],
    }  # fmt: skip
    assert test["queries"][0]["work"]["inexact"] == ["rows"]
    assert report["problems"][1]["site"] is None


def test_what_was_not_counted_is_null_and_not_zero() -> None:
    work = document(RUNS["uncounted"])["tests"][0]["queries"][0]["work"]

    assert (work["buffers"], work["cost"]) == (None, 8.44)


@pytest.mark.parametrize("path", [["run"], ["tests", 0], ["tests", 0, "findings", 0], ["tests", 0, "queries", 0]])
def test_the_schema_refuses_what_it_does_not_know(path: list[Any]) -> None:
    report = document(RUNS["failed"])
    inner: Any = report
    for step in path:
        inner = inner[step]
    inner["surplus"] = 1

    with pytest.raises(jsonschema.ValidationError, match="surplus"):
        validator().validate(report)


def test_the_schema_knows_every_verdict_and_counter() -> None:
    assert SCHEMA["$defs"]["verdict"]["enum"] == list(Verdict)
    assert set(SCHEMA["$defs"]["work"]["required"]) == {field.name for field in fields(Work)}


def test_the_file_is_utf8_with_a_newline_and_its_folder_is_made(tmp_path: Path) -> None:
    path = tmp_path / "out" / "perf.json"
    JsonReporter().write(run(result(evidence=evidence(query(sql="SELECT 'été'")))), path)

    assert "été".encode() in path.read_bytes()
    assert path.read_bytes().endswith(b"}\n")
    assert json.loads(path.read_bytes())["tests"][0]["queries"][0]["sql"] == "SELECT 'été'"


def test_it_is_built_in() -> None:
    assert [reporter.kind for reporter in BUILTIN] == ["json"]
