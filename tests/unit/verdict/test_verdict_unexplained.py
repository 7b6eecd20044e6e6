"""A statement without a plan is named, and fails a budget that speaks of plans."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from verdict_data import budget, evidence, scan, statement

from pytest_perfbudget.model import Finding, Statement, Verdict
from pytest_perfbudget.verdict.judge import Bench, judge

FAILED: dict[str, Any] = {"error": "23505", "why_no_plan": "the statement failed (23505)"}
FORBID = {"forbid": ["Seq Scan on orders"]}


def findings(*statements: Statement, **keys: Any) -> list[Finding]:
    judgement = judge(budget(**keys), evidence(*statements), None, Bench(date(2026, 1, 1)))
    return [one for one in judgement.findings if one.code == "plan"]


@pytest.mark.parametrize(
    "keys",
    [
        {"plan": FORBID},
        {"plan": {"require": ["Index Access on orders"]}},
        {"plan": {"generic": True}},
        {"plan": {"rules": {"PB201": "on"}}},
        {"query": {"recent": {"plan": FORBID}}},
    ],
)
def test_a_promise_of_plans_is_broken(keys: dict[str, Any]) -> None:
    (found,) = findings(statement(**FAILED), **keys)
    assert (found.verdict, found.message) == (
        Verdict.OVER, "no plan to judge: the statement failed with SQLSTATE 23505"
    )  # fmt: skip
    assert found.budget_at is not None


@pytest.mark.parametrize("keys", [{}, {"plan": {"rules": {"PB201": "off"}}}, {"query": {"other": {"plan": FORBID}}}])
def test_without_one_it_is_named(keys: dict[str, Any]) -> None:
    (found,) = findings(statement(**FAILED), statement(scan(), sql="SELECT 1", function="other"), **keys)
    assert (found.verdict, found.site) == (Verdict.UNJUDGED, statement().site)


def test_some_executions_of_a_statement() -> None:
    (found,) = findings(statement(scan()), statement(**FAILED), statement(scan()), plan=FORBID)
    assert found.verdict is Verdict.UNJUDGED
    assert found.message == "no plan to judge: 1 of 3 executions: the statement failed with SQLSTATE 23505"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"error": "CancelledError"}, "the statement ended with CancelledError"),
        ({"error": "unfinished", "why_no_plan": "it had not ended"}, "it had not ended"),
        ({"why_no_plan": "EXPLAIN failed: no"}, "EXPLAIN failed: no"),
        ({}, "no plan was seen"),
        ({"sql": "DECLARE c CURSOR FOR SELECT 1", "fetched": "cursor"}, "no plan was seen"),
        ({"sql": "COPY (SELECT 1) TO STDOUT", "fetched": "copy"}, "no plan was seen"),
    ],
)
def test_the_reason(more: dict[str, Any], words: str) -> None:
    (found,) = findings(statement(**more))
    assert found.message == f"no plan to judge: {words}"


@pytest.mark.parametrize("sql", ["COPY orders TO STDOUT", "SET work_mem = '5MB'", "BEGIN", "CREATE TABLE t (n int)"])
def test_what_is_never_planned_lacks_no_plan(sql: str) -> None:
    assert findings(statement(sql=sql), plan=FORBID) == []
