"""The text of a failing test, word for word."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from report_data import AT, ID, SITE, evidence, query, regressed, result
from snapshots import matches

from pytest_perfbudget.errors import At
from pytest_perfbudget.model import Finding, Site, TestResult, Verdict
from pytest_perfbudget.report.failure import failure

SNAPSHOTS = Path(__file__).parent / "snapshots"
OTHER = "bbbbbbbbbbbb"


def several() -> TestResult:
    """A limit on the whole test, a forbidden node, and a statement elsewhere with a case."""
    return result(
        Finding(
            "queries.repeated", Verdict.OVER, "…", "queries.repeated", 20, 1, unit="queries", query=OTHER, site=SITE,
            budget_at=AT,
        ),
        Finding("work.buffers", Verdict.OVER, "…", "work.buffers", 312, 40, unit="buffers", query=ID, site=SITE,
                budget_at=At("budgets/orders.toml", 5)),
        Finding("plan.forbid", Verdict.REGRESSED, "Seq Scan on lines is in the plan and forbidden", query=OTHER,
                site=Site("app/lines.py", 7), budget_at=At("budgets/orders.toml", 2),
                note="the waiver at budgets/orders.toml:20 ended on 2026-10-01"),
        Finding("work.rows", Verdict.UNJUDGED, "work.rows is rounded per loop by PostgreSQL ≤ 17",
                "work.rows", 100, 90, unit="rows", query=ID, site=SITE),
        Finding("PB201", Verdict.WAIVED, "never shown", query=ID),
        outcome="failed",
        evidence=evidence(query(), query(id=OTHER.split(":")[0], sql="SELECT * FROM lines\n WHERE order_id = $1")),
    )  # fmt: skip


def new() -> TestResult:
    return result(Finding("baseline", Verdict.NEW, "no baseline yet"), nodeid="tests/test_a.py::test_a[x y]")


def incomparable() -> TestResult:
    detail = ("profile: deterministic → production", "work_mem: default → 64MB")
    finding = Finding("baseline", Verdict.INCOMPARABLE, "recorded in another environment", detail=detail)
    return result(finding, outcome="failed")


def unjudged() -> TestResult:
    words = "no plan to judge: the statement failed with SQLSTATE 23505"
    return result(Finding("plan", Verdict.UNJUDGED, words, query=ID, site=SITE), outcome="failed")


def silent() -> TestResult:
    words = "the test ran no statement on database perfbudget_12345678_main (watched: psycopg)"
    fix = "connect to the DSN of perf_db, inside the test body"
    finding = Finding("queries", Verdict.OVER, words, budget_at=AT, fix=fix)
    return result(finding, outcome="failed", evidence=replace(evidence(), queries=()))


@pytest.mark.parametrize(
    "made", [regressed, several, new, incomparable, unjudged, silent], ids=lambda made: made.__name__
)
def test_the_words(made) -> None:  # type: ignore[no-untyped-def]
    matches(SNAPSHOTS / f"failure-{made.__name__}.txt", failure(made(), "tests/test_orders.py:31"))


def test_a_key_that_is_unjudged_is_named_once() -> None:
    found = Finding(
        "pool.connect_p95", Verdict.UNJUDGED, "pool.connect_p95: no connection was made", "pool.connect_p95"
    )
    (line,) = [line for line in failure(result(found), "a.py:1").splitlines() if "pool.connect_p95" in line]
    assert line.strip() == "pool.connect_p95   unjudged: no connection was made"


def test_what_is_worse_stands_before_the_missing_baseline() -> None:
    over = Finding("work.wal", Verdict.OVER, "…", "work.wal", 2, 1, unit="wal", query=ID)
    text = failure(result(over, Finding("baseline", Verdict.NEW, "no baseline yet")), "t.py:1")

    assert text.index("allowed 1") < text.index("no baseline yet")


def test_no_line_ends_in_space_and_sql_is_cut() -> None:
    wide = result(Finding("work.wal", Verdict.OVER, "…", "work.wal", 2, 1, unit="wal", query=ID),
                  evidence=evidence(query(sql="select " + "x" * 500)))  # fmt: skip
    lines = failure(wide, "t.py:1", width=60).splitlines()

    assert all(line == line.rstrip() for line in lines)
    assert lines[1].startswith("  select xx")
    assert len(lines[1]) == 62


def test_many_statements_are_counted() -> None:
    keys = [f"{number:012}" for number in range(8)]
    found = [
        Finding("work.wal", Verdict.REGRESSED, "…", "work.wal", 2, baseline=1, unit="wal", query=key) for key in keys
    ]
    many = result(*found, evidence=evidence(*(query(id=key, sql=f"SELECT {key}") for key in keys)))
    text = failure(many, "t.py:1")

    assert "SELECT 000000000004" in text
    assert "SELECT 000000000005" not in text
    assert "and findings on 3 more statements" in text


def test_places_are_relative_to_the_root() -> None:
    finding = Finding("plan.forbid", Verdict.REGRESSED, "Seq Scan", query=ID, site=Site("/p/app/a.py", 3),
                      budget_at=At("/p/budgets/a.toml", 2))  # fmt: skip
    text = failure(result(finding), "t.py:1", root=Path("/p"))

    assert "(app/a.py:3)" in text
    assert "/p/" not in text
