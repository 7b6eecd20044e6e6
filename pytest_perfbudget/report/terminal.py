"""The summary at the end of a run: one line when all is green, a table when not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pytest_perfbudget.model import Problem, RunResult, TestResult, Verdict
from pytest_perfbudget.report import against, stored
from pytest_perfbudget.report.growth import growths
from pytest_perfbudget.report.latencies import latencies, resources
from pytest_perfbudget.report.lines import labelled
from pytest_perfbudget.report.tables import table
from pytest_perfbudget.units import format_count, format_seconds

GREEN = (Verdict.WAIVED, Verdict.IMPROVED, Verdict.EQUIVALENT, Verdict.SAME)
NOTED = {
    Verdict.UNJUDGED: ("unjudged", "--perf-strict makes them fail"),
    Verdict.NEW: ("new", "record them: pytest --perf-update"),
    Verdict.INCOMPARABLE: ("incomparable", "record them in this environment: pytest --perf-update"),
}
"""Verdicts that may pass and are named all the same: heading, and what to do."""


def summary(result: RunResult, verbosity: int) -> list[str]:
    """The lines, none for a run without a marked test. ``verbosity`` is pytest's: from 1 on every test has its row."""
    if not result.tests and not result.problems:
        return []
    judged = [test for test in result.tests if test.outcome != "skipped"]
    rest = [test for test in judged if not _within(test)]
    shown = judged if verbosity >= 1 else rest
    lines = [_headline(result, judged, len(rest)), *against.headline(judged), *stored.headline(result)]
    if shown:
        lines += ["", *_table(shown)]
    for verdict, (title, hint) in NOTED.items():
        lines += _noted(title, hint, [test for test in judged if _has(test, verdict)], verdict)
    lines += _section("what the reference's run printed last", against.outputs(judged))
    if verbosity >= 1:
        lines += _section("latencies", latencies(judged, verbosity))
        lines += _section("resources", resources(judged))
        lines += _section("growth", growths(judged, verbosity))
        lines += _section("times against the reference", list(against.times(judged)))
        lines += _section("times against recorded runs", list(stored.times(judged)))
    if shown:
        lines += _section("not as profile and seed would have it", _notes(judged))
    lines += _section("problems of the whole run", [line for problem in result.problems for line in _problem(problem)])
    lines += _section("loosened against --perf-baseline", result.loosened)
    return lines + _section("changes of the baselines", result.changes)


def _within(test: TestResult) -> bool:
    return test.verdict in GREEN and test.outcome == "passed"


def _has(test: TestResult, verdict: Verdict) -> bool:
    return test.verdict is verdict or any(finding.verdict is verdict for finding in test.findings)


def _notes(tests: Sequence[TestResult]) -> list[str]:
    return list(dict.fromkeys(note for test in tests if test.evidence for note in test.evidence.notes))


def _headline(result: RunResult, judged: Sequence[TestResult], rest: int) -> str:
    statements = sum(_statements(test) for test in judged)
    count = f"{len(judged) - rest} of {_counted(len(judged), 'test')}" if rest else _counted(len(judged), "test")
    verdicts: Counter[Verdict] = Counter(test.verdict for test in judged if test.verdict is not Verdict.SAME)
    parts = [f"{count} within budget", _counted(statements, "statement")]
    parts += [f"{verdicts[verdict]} {verdict}" for verdict in Verdict if verdicts[verdict]]
    skipped = len(result.tests) - len(judged)
    parts += [f"{skipped} skipped"] if skipped else []
    parts += [_counted(len(result.problems), "problem")] if result.problems else []
    if notes := _notes(judged):
        parts.append(f"{_counted(len(notes), 'note')} (-v)" if not rest else _counted(len(notes), "note"))
    if environment := result.environment:
        parts.append(f"PostgreSQL {environment.version} {environment.server}, {environment.profile}")
    return "perfbudget: " + " · ".join(parts)


def _counted(number: int, noun: str) -> str:
    return f"{format_count(number)} {noun}{'' if number == 1 else 's'}"


def _statements(test: TestResult) -> int:
    return sum(query.calls for query in test.evidence.queries) if test.evidence else 0


def _table(tests: Sequence[TestResult]) -> list[str]:
    rows = [_row(test) for test in sorted(tests, key=lambda test: test.verdict.rank)]
    headers = ["test", "budget", "verdict", "statements", "buffers", "p95"]
    kept = [column for column in range(len(headers)) if column < 5 or any(row[column] for row in rows)]
    shown = [[row[column] for column in kept] for row in rows]
    return table([headers[column] for column in kept], shown, right=range(3, len(kept)))


def _row(test: TestResult) -> list[str]:
    """A dash where nothing was counted; the p95 is that of the slowest statement."""
    queries = test.evidence.queries if test.evidence else ()
    own = f" ({test.outcome})" if test.verdict in GREEN and test.outcome != "passed" else ""
    counted = [query.work.buffers for query in queries if query.work]
    buffers = format_count(sum(counted)) if queries and len(counted) == len(queries) else "-"
    p95 = max((query.latency.p95 for query in queries if query.latency), default=None)
    slowest = format_seconds(p95) if p95 is not None else ""
    return [test.nodeid, test.budget, f"{test.verdict}{own}", format_count(_statements(test)), buffers, slowest]


def _noted(title: str, hint: str, tests: Sequence[TestResult], verdict: Verdict) -> list[str]:
    """Each test with its first reason; the differences of an environment once, they are the same for all."""
    lines = []
    for test in tests:
        found = [finding for finding in test.findings if finding.verdict is verdict]
        reason = f": {found[0].message}" if found and verdict is not Verdict.NEW else ""
        more = f" (and {len(found) - 1} more)" if len(found) > 1 and verdict is Verdict.UNJUDGED else ""
        lines.append(f"{test.nodeid}{reason}{more}")
    shown = (finding.detail for test in tests for finding in test.findings if finding.verdict is Verdict.INCOMPARABLE)
    differences = next(shown, ()) if verdict is Verdict.INCOMPARABLE else ()
    return _section(f"{title} ({hint})", [*lines, *(f"  {line}" for line in differences)])


def _problem(problem: Problem) -> list[str]:
    head = f"{problem.site}: {problem.message}" if problem.site else problem.message
    return [f"{problem.code}  {head}", *(f"  {line}" for line in labelled("fix", [problem.fix]))]


def _section(title: str, lines: Sequence[str]) -> list[str]:
    return ["", f"perfbudget: {title}", *(f"  {line}".rstrip() for line in lines)] if lines else []
