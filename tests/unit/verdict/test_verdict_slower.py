"""What was timed against another commit → findings and evidence."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from verdict_data import ENVIRONMENT, SQL, budget, evidence, scan, statement

from pytest_perfbudget.baselines.record import query_record
from pytest_perfbudget.budgets.budget import Slowdown
from pytest_perfbudget.errors import At
from pytest_perfbudget.measure.paired import Change, Look, Step
from pytest_perfbudget.measure.regression import outcome
from pytest_perfbudget.model import Environment, QueryEvidence, Verdict, Work
from pytest_perfbudget.verdict.judgement import fails
from pytest_perfbudget.verdict.slower import Compared, against, only_the_clock, slower, unjudged, whole

HELD = Slowdown(0.10, "10%", At("budgets/orders.toml", 3))
NULL = Change(30, 0.001, -0.002, 0.004)


def query(sql: str = SQL, node: str = "Index Scan", blocks: int = 4) -> QueryEvidence:
    return evidence(statement(scan(node, blocks), sql=sql)).queries[0]


def look(step: Step, change: float, n: int = 30, reason: str = "") -> Look:
    return Look(step, Change(n, change, change - 0.01, change + 0.01), NULL, 240 - n, reason)


def compared(first: Look, again: Look | None = None, *, gated: bool = True, old: str = SQL) -> Compared:
    one = "one connection, the same tables"
    return Compared("main (7e8a81cb04)", one, outcome(first, again), gated, 0.002, 0.0023, query_record(query(old)))


def test_a_slowdown_names_both_figures_and_what_changed() -> None:
    found = slower(query(SQL + " LIMIT 2"), HELD, compared(look(Step.CANDIDATE, 0.15), look(Step.CANDIDATE, 0.14)))
    assert found
    assert (found.verdict, found.measured, found.allowed, found.unit) == (Verdict.REGRESSED, 0.15, 0.05, "%")
    assert found.budget_at == HELD.at
    assert found.cause == "its text changed since main"
    assert "  p50      2 ms at main (7e8a81cb04), 2.3 ms here" in found.detail
    assert [line for line in found.detail if line[:1] in ("+", "-")] == [f"- {SQL}", f"+ {SQL} LIMIT 2"]
    assert fails(found, ci=False, strict=False)


def test_a_long_statement_is_shown_from_before_the_edit() -> None:
    long = "SELECT " + ", ".join(f"column_{number}" for number in range(30)) + " FROM orders WHERE id = $1"
    found = slower(
        query(long + " AND total > 5"), HELD, compared(look(Step.CANDIDATE, 0.15), look(Step.CANDIDATE, 0.15), old=long)
    )
    assert found
    assert [line for line in found.detail if line[:1] in ("+", "-")] == [
        "- … column_29 FROM orders WHERE id = $1",
        "+ … column_29 FROM orders WHERE id = $1 AND total > 5",
    ]


def test_another_plan_is_shown_as_a_tree() -> None:
    found = slower(query(node="Seq Scan"), HELD, compared(look(Step.CANDIDATE, 0.9), look(Step.CANDIDATE, 0.9)))
    assert found
    assert found.cause == "its plan changed since main"
    assert any(line.startswith("+") and "Seq Scan on orders" in line for line in found.detail)


@pytest.mark.parametrize(
    ("first", "again", "verdict"),
    [
        (look(Step.PASS, 0.01), None, None),
        (look(Step.IMPROVED, -0.2), look(Step.IMPROVED, -0.2), Verdict.IMPROVED),
        (look(Step.IMPROVED, -0.2), look(Step.PASS, 0.0), None),
        (look(Step.CANDIDATE, 0.15), look(Step.PASS, 0.0), Verdict.UNJUDGED),
        (look(Step.UNJUDGED, 0.06, reason="the cap of 3 s was reached"), None, Verdict.UNJUDGED),
    ],
)
def test_the_verdict_is_the_outcomes(first: Look, again: Look | None, verdict: Verdict | None) -> None:
    found = slower(query(), HELD, compared(first, again))
    assert (found.verdict if found else None) == verdict


def test_what_is_reported_only_finds_nothing_and_is_kept() -> None:
    one = compared(look(Step.CANDIDATE, 0.5), gated=False)
    assert slower(query(), HELD, one) is None
    kept = against("7e8a81cb04", one)
    assert (kept.gated, kept.first.change, kept.first.saved) == (False, 0.5, 210)


def test_an_interval_without_ends_is_none() -> None:
    few = Look(Step.UNJUDGED, Change(3, 0.1, -math.inf, math.inf), Change(0, 0.0, -math.inf, math.inf))
    kept = against("7e8a81cb04", compared(few))
    assert kept.first.interval is kept.first.null_interval is None


def test_what_is_not_compared_passes_unless_strict() -> None:
    for found in (unjudged(query(), HELD, "why"), whole(HELD, "why", "a\nb")):
        assert found.message == "latency.regress: why"
        assert (fails(found, ci=True, strict=False), fails(found, ci=True, strict=True)) == (False, True)
    assert whole(HELD, "why", "a\nb").detail == ("a", "b")


@pytest.mark.parametrize(
    ("new", "now", "same"),
    [
        (query(), ENVIRONMENT, True),
        (query("SELECT *  FROM orders\n WHERE id = $1"), ENVIRONMENT, True),
        (query(SQL + " LIMIT 2"), ENVIRONMENT, False),
        (query(node="Seq Scan"), ENVIRONMENT, False),
        (query(blocks=5), ENVIRONMENT, False),
        (replace(query(), work=Work(buffers=4, rows=99)), ENVIRONMENT, False),
        (query(), replace(ENVIRONMENT, schema="another"), False),
        (query(), replace(ENVIRONMENT, indexes={"orders_idx": "…"}), False),
        (query(), replace(ENVIRONMENT, settings={"work_mem": "64"}), False),
    ],
)
def test_only_the_clock_can_have_changed_where_all_else_is_equal(
    new: QueryEvidence, now: Environment, same: bool
) -> None:
    assert only_the_clock(query_record(query()), SQL, new, ENVIRONMENT, now) is same


def test_a_literal_counts_though_the_identity_leaves_it_out() -> None:
    new = query("SELECT * FROM orders WHERE id IN (1, 2, 3)")
    old = query("SELECT * FROM orders WHERE id IN (1)")
    assert new.id == old.id
    assert not only_the_clock(query_record(old), old.executions[-1].sql, new, ENVIRONMENT, ENVIRONMENT)


def test_work_that_nobody_counted_is_not_the_same() -> None:
    uncounted = replace(query(), work=None)
    assert not only_the_clock(query_record(uncounted), SQL, uncounted, ENVIRONMENT, ENVIRONMENT)


def test_a_budget_of_these_keys() -> None:
    held = budget(latency={"regress": "10%", "always": True})
    assert held.latency_regress
    assert (held.latency_regress.share, held.latency_always) == (0.1, True)
