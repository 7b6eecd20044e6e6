"""The JSON report, format 1: for scripts and for the next tool. ``schema.json`` beside this file is its contract."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pytest_perfbudget.errors import At
from pytest_perfbudget.model import (
    WORK_METRICS,
    Against,
    Environment,
    Fetched,
    Finding,
    GenericEvidence,
    Latency,
    Parent,
    PlanEvidence,
    Problem,
    QueryEvidence,
    Repetition,
    RuleNote,
    RunResult,
    Seen,
    Site,
    TestResult,
    Work,
)
from pytest_perfbudget.model.growth import Grown
from pytest_perfbudget.model.resources import Used
from pytest_perfbudget.report.stored import document as stored

FORMAT = 1
SCHEMA = Path(__file__).with_name("schema.json")
"""JSON Schema 2020-12 of the document."""


class JsonReporter:
    """``--perf-report=json:PATH``."""

    kind = "json"

    def write(self, result: RunResult, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(document(result), indent=2, ensure_ascii=False, allow_nan=False)
        path.write_bytes(text.encode() + b"\n")


def document(result: RunResult) -> dict[str, Any]:
    """The report as plain dicts and lists."""
    return {
        "format": FORMAT,
        "run": _run(result),
        "tests": [_test(test) for test in result.tests],
        "problems": [_problem(problem) for problem in result.problems],
    }


def _run(result: RunResult) -> dict[str, Any]:
    environment = result.environment
    return {
        "id": result.id,
        "started": result.started,
        "duration_s": round(result.duration, 3),
        "complete": result.complete,
        "postgres": _postgres(environment) if environment else None,
        "environment": asdict(environment) if environment else None,
        "git": {key: result.git.get(key) for key in ("commit", "branch", "dirty")} if result.git else None,
    }


def _postgres(environment: Environment) -> dict[str, Any]:
    return {name: getattr(environment, name) for name in ("version", "major", "server", "profile")}


def _test(test: TestResult) -> dict[str, Any]:
    return {
        "nodeid": test.nodeid,
        "budget": test.budget,
        "outcome": test.outcome,
        "verdict": test.verdict.value,
        "findings": [_finding(finding) for finding in test.findings],
        "queries": [_query(query) for query in test.evidence.queries] if test.evidence else [],
        "used": [_used(one) for one in test.evidence.used] if test.evidence else [],
        "growth": [_grown(one) for one in test.evidence.growth] if test.evidence else [],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "verdict": finding.verdict.value,
        "metric": finding.metric,
        "measured": finding.measured,
        "allowed": finding.allowed,
        "baseline": finding.baseline,
        "unit": finding.unit,
        "message": finding.message,
        "query": finding.query,
        "site": _place(finding.site),
        "budget_at": _place(finding.budget_at),
        "fix": finding.fix,
    }


def _query(query: QueryEvidence) -> dict[str, Any]:
    return {
        "id": query.id,
        "sql": query.sql,
        "case": query.case,
        "calls": query.calls,
        "sites": [_place(site) for site in query.sites],
        "plans": [_plan(plan) for plan in query.plans],
        "fetched": _fetched(query.fetched),
        "repetition": _repetition(query.repetition) if query.repetition else None,
        "generic": _generic(query.generic) if query.generic else None,
        "rules": [_note(note) for note in query.notes],
        "work": _work(query.work, query.cost),
        "latency": _latency(query.latency) if query.latency else None,
        "against": _against(query.against) if query.against else None,
        "stored": stored(query.stored) if query.stored else None,
    }


def _used(used: Used) -> dict[str, Any]:
    return {"key": used.key, "value": used.value, "unit": used.unit, "note": used.note}


def _grown(grown: Grown) -> dict[str, Any]:
    return {
        "query": grown.query,
        "metric": grown.metric,
        "bound": grown.bound,
        "state": grown.state,
        "reason": grown.reason,
        "gated": grown.gated,
        "exponent": list(grown.exponent) if grown.exponent else None,
        "points": [{"rows": one.size, "figure": one.figure, "plan": one.plan or None} for one in grown.points],
        "flips": [list(flip) for flip in grown.flips],
    }


def _plan(plan: PlanEvidence) -> dict[str, Any]:
    return {
        "fingerprint": plan.fingerprint,
        "calls": plan.calls,
        "tree": list(plan.tree),
        "source": plan.source,
        "statistics": plan.statistics,
    }


def _fetched(fetched: Fetched) -> dict[str, Any]:
    return {"rows": fetched.rows, "largest": fetched.largest, "bytes": fetched.size, "how": list(fetched.how)}


def _repetition(repetition: Repetition) -> dict[str, Any]:
    parent, origin = repetition.parent, repetition.origin
    return {
        "n": repetition.n,
        "site": _place(repetition.site),
        "parent": _parent(parent) if parent else None,
        "origin": {"relationship": origin.relationship, "option": origin.option} if origin else None,
    }


def _parent(parent: Parent) -> dict[str, Any]:
    return {"query": parent.query, "site": _place(parent.site), "calls": parent.calls, "rows": parent.rows}


def _generic(generic: GenericEvidence) -> dict[str, Any]:
    return {
        "fingerprint": generic.plan.fingerprint,
        "tree": list(generic.plan.tree),
        "cost": generic.cost,
        "custom_cost": generic.custom_cost,
        "switches": generic.switches,
    }


def _note(note: RuleNote) -> dict[str, Any]:
    return {
        "code": note.code,
        "name": note.name,
        "relation": note.relation,
        "message": note.message,
        "judged": note.judged,
    }


def _work(work: Work | None, cost: float) -> dict[str, Any]:
    """The counters, null where nothing was counted, and the planner's estimate, which is always there."""
    counters = {name: getattr(work, name) if work else None for name in WORK_METRICS}
    return {**counters, "cost": cost, "inexact": sorted(work.inexact) if work else []}


def _latency(latency: Latency) -> dict[str, Any]:
    quantiles = {f"{name}_ms": _ms(getattr(latency, name)) for name in ("p50", "p95", "p99", "mean")}
    interval = [_ms(bound) for bound in latency.interval] if latency.interval else None
    return {
        "n": latency.n,
        **quantiles,
        "ci_ms": interval,
        "noise_ms": _ms(latency.noise),
        "saved": latency.saved,
        "calibration": round(latency.calibration, 3) if latency.calibration else None,
        "states": latency.states,
        "bars": [[_ms(edge), count] for edge, count in latency.bars],
    }


def _against(against: Against) -> dict[str, Any]:
    return {
        "ref": against.ref,
        "commit": against.commit,
        "verdict": against.verdict,
        "reason": against.reason,
        "gated": against.gated,
        "layout": against.layout,
        "old_p50_ms": _ms(against.old_p50),
        "new_p50_ms": _ms(against.new_p50),
        "first": _seen(against.first),
        "again": _seen(against.again) if against.again else None,
    }


def _seen(seen: Seen) -> dict[str, Any]:
    return {
        "n": seen.n,
        "change": round(seen.change, 4),
        "ci": [round(bound, 4) for bound in seen.interval] if seen.interval else None,
        "null": round(seen.null, 4),
        "null_ci": [round(bound, 4) for bound in seen.null_interval] if seen.null_interval else None,
        "saved": seen.saved,
    }


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)


def _problem(problem: Problem) -> dict[str, Any]:
    return {"code": problem.code, "message": problem.message, "site": _place(problem.site)}


def _place(place: Site | At | None) -> dict[str, Any] | None:
    return {"file": place.file, "line": place.line} if place else None
