"""Two plans, and nothing known but the two."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_perfbudget.model import Verdict
from pytest_perfbudget.plans.parse import parse
from pytest_perfbudget.plans.ties import Shape
from pytest_perfbudget.verdict.decide import decide
from pytest_perfbudget.verdict.figures import Change, Trend
from pytest_perfbudget.verdict.plans import compare_plans

TREND = st.builds(Change, st.just("work.rows"), st.just(1), st.just(2), st.sampled_from(Trend), st.booleans())
CHANGES = st.lists(TREND, max_size=4)


def node(kind: str = "Index Scan", **fields: Any) -> dict[str, Any]:
    index = {"Index Name": "orders_pkey", "Index Cond": "(id = 1)"} if kind == "Index Scan" else {}
    return {"Node Type": kind, "Relation Name": "orders", "Alias": "o", "Total Cost": 8.0} | index | fields


def counted(blocks: int, kind: str = "Index Scan", **fields: Any) -> dict[str, Any]:
    return node(kind, **{"Actual Rows": 1, "Actual Loops": 1, "Shared Hit Blocks": blocks} | fields)


def verdict(old: dict[str, Any], new: dict[str, Any]) -> Verdict:
    return compare_plans(parse(old), parse(new)).verdict


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        (counted(4), counted(4), Verdict.SAME),
        (counted(4), counted(12), Verdict.SAME),  # 8 blocks more are within the margin
        (counted(4), counted(2000), Verdict.REGRESSED),
        (counted(2000), counted(4), Verdict.IMPROVED),
        (counted(4), counted(4, "Seq Scan"), Verdict.EQUIVALENT),
        (counted(4), counted(2000, "Seq Scan"), Verdict.REGRESSED),
        (counted(2000, "Seq Scan"), counted(4), Verdict.IMPROVED),
        (counted(4), counted(4, **{"Index Name": "orders_id_total"}), Verdict.EQUIVALENT),
        (counted(4), counted(900, **{"Index Name": "orders_id_total"}), Verdict.REGRESSED),
        (counted(4), counted(4, **{"Temp Written Blocks": 900}), Verdict.REGRESSED),
        (node(), node(), Verdict.SAME),
        (node(), node(**{"Total Cost": 900.0}), Verdict.REGRESSED),
        (node(), node("Seq Scan"), Verdict.EQUIVALENT),
    ],
)
def test_the_word(old: dict[str, Any], new: dict[str, Any], word: Verdict) -> None:
    assert verdict(old, new) is word


def test_without_analyze_it_says_that_it_rests_on_estimates() -> None:
    reasons = {
        "neither plan was executed": (node(), node("Seq Scan")),
        "the old plan was not executed": (node(), counted(4)),
        "the new plan was not executed": (counted(4), node()),
    }
    for words, (old, new) in reasons.items():
        found = compare_plans(parse(old), parse(new))
        assert found.estimated
        assert any("rests on the planner's estimates" in reason and words in reason for reason in found.reasons)
    assert not compare_plans(parse(counted(4)), parse(counted(4))).estimated


def rows(produced: float, loops: int) -> dict[str, Any]:
    return node(**{"Actual Rows": produced, "Actual Loops": loops})


def test_rows_that_postgres_rounds_per_loop_fail_nothing_alone() -> None:
    assert verdict(rows(1, 1000), rows(2, 1000)) is Verdict.UNJUDGED
    assert verdict(rows(1.0, 1000), rows(2.0, 1000)) is Verdict.REGRESSED  # 18 counts to 0.01
    assert verdict(rows(10, 1), rows(1000, 1)) is Verdict.REGRESSED


def test_another_worker_is_no_change_unless_asked() -> None:
    shared = {"Node Type": "Gather", "Plans": [counted(4, "Seq Scan", **{"Parallel Aware": True})]}
    old, new = parse(counted(4, "Seq Scan")), parse(counted(4, "Seq Scan") | {"x": 1})
    shared |= {"Actual Loops": 1, "Shared Hit Blocks": 4}
    assert compare_plans(old, parse(shared)).verdict is Verdict.SAME
    assert compare_plans(old, parse(shared), parallel=True).verdict is Verdict.EQUIVALENT
    assert compare_plans(old, new, parallel=True).verdict is Verdict.SAME


def test_accounts_are_by_identifier() -> None:
    both = {"Node Type": "Nested Loop", "Actual Loops": 1, "Shared Hit Blocks": 7,
            "Plans": [counted(4), counted(3, "Seq Scan", Alias="o_1")]}  # fmt: skip
    one, _ = compare_plans(parse(both), parse(copy.deepcopy(both))).accounts
    assert {name: (scan.access, scan.buffers) for name, scan in one.scans.items()} == {
        "o": ("Index Scan using orders_pkey on orders o", 4),
        "o#2": ("Seq Scan on orders o_1", 3),
    }


@given(st.sampled_from(Shape), CHANGES, st.sampled_from(["no-worse", "off", "exact"]))
def test_the_laws_of_the_decision(shape: Shape, changes: list[Change], held: Any) -> None:
    word = decide(shape, changes, held)
    exact = [change for change in changes if change.exact]
    if any(change.trend is Trend.MORE for change in exact):
        assert word is Verdict.REGRESSED
    elif not (held == "exact" and shape is Shape.OTHER):
        assert word is not Verdict.REGRESSED
    if all(change.trend is Trend.EQUAL for change in changes) and shape is Shape.TIE:
        assert word is (Verdict.SAME if held == "off" else Verdict.EQUIVALENT)
    # What is rounded never fails: without it the word is no better than unjudged was bad.
    assert (decide(shape, exact, held) is Verdict.REGRESSED) == (word is Verdict.REGRESSED)
