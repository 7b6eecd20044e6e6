"""Properties of a test in JUnit XML."""

from __future__ import annotations

from report_data import evidence, query, regressed, result

from pytest_perfbudget.model import Finding, Verdict, Work
from pytest_perfbudget.report.junit import properties


def test_flat_names_and_sums_over_the_statements() -> None:
    two = result(evidence=evidence(query(calls=3), query(id="b", work=Work(buffers=7, spills=1))))
    found = dict(properties(two))

    assert found["perfbudget.budget"] == "orders.recent"
    assert found["perfbudget.verdict"] == "same"
    assert found["perfbudget.queries"] == 4
    assert (found["perfbudget.work.buffers"], found["perfbudget.work.spills"]) == (30, 1)
    assert "perfbudget.findings" not in found
    assert "perfbudget.latency.p95_ms" not in found


def test_a_failed_test_names_the_codes_once() -> None:
    found = dict(properties(regressed()))

    assert found["perfbudget.findings"] == "work.buffers latency.p95 PB201"
    assert found["perfbudget.latency.p95_ms"] == 41.8


def test_a_sum_with_a_hole_is_left_out() -> None:
    found = dict(properties(result(evidence=evidence(query(), query(id="b", work=None)))))

    assert not [name for name in found if name.startswith("perfbudget.work.")]


def test_what_is_green_is_no_finding() -> None:
    found = dict(properties(result(Finding("plan.baseline", Verdict.EQUIVALENT, "another plan"), evidence=None)))

    assert found == {"perfbudget.budget": "orders.recent", "perfbudget.verdict": "equivalent"}
