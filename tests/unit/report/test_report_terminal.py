"""The summary of a run, word for word."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from report_data import AT, ENVIRONMENT, ID, PROBLEM, regressed, result, run
from snapshots import matches

from pytest_perfbudget.model import Finding, Verdict
from pytest_perfbudget.report.terminal import summary

SNAPSHOTS = Path(__file__).parent / "snapshots"
GREEN = result()


def test_one_line_when_all_is_green() -> None:
    assert summary(run(GREEN, GREEN), 0) == [
        "perfbudget: 2 tests within budget · 2 statements · PostgreSQL 18.6 embedded, deterministic"
    ]


def test_one_line_names_what_is_not_the_same() -> None:
    tests = (GREEN, result(verdict=Verdict.IMPROVED), result(verdict=Verdict.WAIVED), result(outcome="skipped"))

    assert summary(run(*tests, environment=None), 0) == [
        "perfbudget: 3 tests within budget · 3 statements · 1 waived · 1 improved · 1 skipped"
    ]


def test_a_run_without_marked_tests_says_nothing() -> None:
    assert summary(run(), 2) == []


def test_verbose_shows_every_test() -> None:
    lines = summary(run(GREEN, result(nodeid="tests/b.py::test_b")), 1)

    assert sum("::test_" in line for line in lines) == 2


def test_a_test_that_failed_by_itself_is_not_counted_as_within_budget() -> None:
    lines = summary(run(GREEN, result(outcome="failed")), 0)

    assert lines[0].startswith("perfbudget: 1 of 2 tests within budget")
    assert any("same (failed)" in line for line in lines)


def test_everything_that_can_be_said() -> None:
    differences = ("profile: deterministic → production", "work_mem: default → 64MB")
    tests = (
        GREEN,
        regressed(),
        result(Finding("baseline", Verdict.NEW, "no baseline yet"), nodeid="tests/test_orders.py::test_new"),
        result(
            Finding("baseline", Verdict.INCOMPARABLE, "recorded in another environment", detail=differences),
            nodeid="tests/test_orders.py::test_elsewhere",
        ),
        result(
            Finding("plan.forbid", Verdict.UNJUDGED, "Seq Scan on *: orders has 3 pages, under 10", query=ID),
            Finding("work.rows", Verdict.UNJUDGED, "rounded", query=ID),
            nodeid="tests/test_orders.py::test_small",
            evidence=None,
        ),
    )
    whole = run(
        *tests,
        problems=(PROBLEM, replace(PROBLEM, site=None, fix="")),
        loosened=("orders.recent  work.buffers 40 → 400",),
        changes=("better      orders.recent  tests/test_orders.py::test_a", "    buffers 40 → 23"),
        environment=ENVIRONMENT,
    )
    matches(SNAPSHOTS / "summary.txt", "\n".join(summary(whole, 0)))


@pytest.mark.parametrize("verdict", [Verdict.UNJUDGED, Verdict.NEW, Verdict.INCOMPARABLE])
def test_what_passes_without_a_judgement_is_named(verdict: Verdict) -> None:
    lines = summary(run(result(Finding("x", verdict, "the reason", budget_at=AT), nodeid="t.py::test_it")), 0)

    assert any(line.startswith(f"perfbudget: {verdict} (") for line in lines)
    assert any(line.startswith("  t.py::test_it") for line in lines)


def test_a_worse_finding_does_not_hide_what_could_not_be_judged() -> None:
    both = result(Finding("a", Verdict.OVER, "over"), Finding("b", Verdict.UNJUDGED, "too small"), nodeid="t.py::x")

    assert "  t.py::x: too small" in summary(run(both), 0)
