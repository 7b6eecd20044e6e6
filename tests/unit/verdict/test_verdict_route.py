"""``route``: a statement that reaches the other server fails, by however few of its executions."""

from __future__ import annotations

from datetime import date

import pytest
from verdict_data import budget, evidence, scan, statement

from pytest_perfbudget.budgets.budget import Suite
from pytest_perfbudget.budgets.loosened import loosened
from pytest_perfbudget.errors import BudgetError
from pytest_perfbudget.model import Verdict
from pytest_perfbudget.verdict.judge import Bench, judge

BENCH = Bench(date(2026, 1, 1), {"orders": 5000})


def routed(keys: dict[str, object], *standby: bool) -> list[str]:
    seen = evidence(*(statement(scan(), standby=one) for one in standby))
    findings = judge(budget(**keys), seen, None, BENCH).findings
    return [finding.message for finding in findings if finding.code == "route" and finding.verdict is Verdict.OVER]


def test_each_execution_counts() -> None:
    assert routed({"route": "replica"}, True, True) == []
    assert routed({"route": "replica"}, True, False, True) == ["sent to the primary, 1 of 3 times; route is replica"]
    assert routed({"route": "primary"}, True, False) == ["sent to the replica, 1 of 2 times; route is primary"]
    assert routed({"route": "primary"}, False) == routed({"queries.max": 3}, True, False) == []


def test_a_narrowed_query_has_a_route_of_its_own() -> None:
    narrowed = {"route": "primary", "query": {"recent": {"route": "replica"}}}
    assert routed(narrowed, False) == ["sent to the primary, 1 of 1 times; route is replica"]
    inherited = {"route": "primary", "query": {"recent": {"queries.max": 3}}}
    assert routed(inherited, True) == ["sent to the replica, 1 of 1 times; route is primary"]


def test_the_finding_has_the_place_of_the_statement_and_of_the_key() -> None:
    seen = evidence(statement(scan(), standby=False))
    (found,) = [f for f in judge(budget(route="replica"), seen, None, BENCH).findings if f.code == "route"]
    assert (str(found.site), str(found.budget_at)) == ("app.py:7", "budgets/orders.toml:1")
    assert found.fix.startswith("send it over a connection to the standby")


def test_another_word_is_refused_with_the_nearest() -> None:
    with pytest.raises(BudgetError, match=r"not one of primary, replica\n.*did you mean replica"):
        budget(route="replicas")


def test_a_route_that_is_given_up_is_loosened() -> None:
    suites = {
        str(to): Suite({"b": budget(route=to) if to else budget(**{"queries.max": 1})})
        for to in ("replica", "primary", None)
    }
    for old, new, words in (
        ("replica", "primary", "route replica → primary"),
        ("primary", "None", "route primary → anywhere"),
        ("replica", "replica", ""),
        ("None", "replica", ""),
    ):
        lines = [line for line in loosened(suites[old], suites[new]) if "route" in line]
        assert [words in line for line in lines] == [True] * bool(words)
