"""The laws of the rules that look at an executed plan; what each finds stands in ``cases/``."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plan_trees import COUNTED_DOCUMENT, WILD_DOCUMENT
from recorded_plans import OF_RULES

import pytest_perfbudget.rules as rules
from pytest_perfbudget.plans.parse import parse
from pytest_perfbudget.rules.base import CRASH, Hit, Rule, check
from pytest_perfbudget.rules.subject import Subject

CASES = Path(__file__).parent / "cases"
CODES = (
    *("PB101", "PB102", "PB201", "PB202", "PB203", "PB204", "PB205", "PB206", "PB207", "PB301", "PB302", "PB303"),
    *("PB304", "PB401", "PB402", "PB403", "PB404", "PB501", "PB505", "PB506"),
)
EXECUTED = [rule for rule in rules.BUILTIN if rule.code in CODES]
RECORDED = re.findall(r"^-- name: (.*)$", (OF_RULES / "queries_executed.sql").read_text(), re.MULTILINE)
NUMBERS = st.integers(-5, 10**6) | st.floats() | st.text(max_size=3) | st.none()


def hits(name: str, major: int, sql: str = "") -> tuple[Hit, ...]:
    plan = parse((OF_RULES / f"pg{major}" / f"{name}.json").read_text())
    return tuple(hit for hit in check(Subject(plan, sql), EXECUTED) if hit.judged)


@pytest.mark.parametrize(
    ("code", "option"), [(rule.code, name) for rule in EXECUTED for name in rule.thresholds], ids="-".join
)
def test_every_threshold_is_tried_at_its_edge(code: str, option: str) -> None:
    cases: dict[str, list[dict[str, Any]]] = json.loads((CASES / f"{code}.json").read_text())
    tried = {kind: [c for c in cases[kind] if option in c.get("thresholds", {})] for kind in ("fails", "passes")}
    found = {case["plan"]: case["thresholds"][option] for case in tried["fails"]}
    missed = {case["plan"]: case["thresholds"][option] for case in tried["passes"]}
    edges = [(found[plan], missed[plan]) for plan in found.keys() & missed.keys()]
    assert edges
    assert all(0 < abs(above - below) <= max(1, below * 0.01) for above, below in edges)


@given(WILD_DOCUMENT, st.dictionaries(st.sampled_from(["JIT", "Planning Time", "Execution Time"]), NUMBERS))
def test_no_rule_crashes_on_a_document_whose_keys_hold_anything(document: list[Any], beside: dict[str, Any]) -> None:
    document[0] |= beside
    document[0]["Plan"] |= {"Actual Loops": 1, "Shared Hit Blocks": 1}
    assert CRASH not in {hit.code for hit in check(Subject(parse(document)), rules.BUILTIN)}


@given(COUNTED_DOCUMENT, st.floats(0, 1))
def test_no_rule_crashes_on_an_executed_plan_and_each_hit_has_its_place(document: dict[str, Any], limit: float) -> None:
    plan = parse([{"Plan": document, "Planning Time": 1.5, "Execution Time": 0.0, "JIT": {"Timing": {"Total": 9}}}])
    low = {rule.code: dict.fromkeys(rule.thresholds, limit) for rule in EXECUTED}
    for hit in check(Subject(plan), EXECUTED, low):
        assert hit.code != CRASH
        assert not hit.judged or (hit.node in plan.nodes and hit.name not in hit.message)


LOOPS, MEAN = 1_000, 10
"""PostgreSQL prints 10 for any mean from 9.5 to 10.5: 9,500 rows are certain, and 500 more where it prints 0."""


@pytest.mark.parametrize(
    ("code", "shown", "edges"),
    [
        ("PB202", {"Node Type": "Index Scan", "Filter": "(x)", "Rows Removed by Filter": MEAN}, {"rows": 9_500}),
        ("PB203", {"Node Type": "Index Scan", "Rows Removed by Filter": MEAN}, {"rows": 9_500, "share": 0.95}),
        ("PB204", {"Node Type": "Hash Join", "Rows Removed by Join Filter": MEAN}, {"rows": 9_500, "share": 0.95}),
        ("PB205", {"Node Type": "Index Scan", "Rows Removed by Index Recheck": MEAN}, {"rows": 9_500, "share": 0.9}),
        ("PB207", {"Node Type": "Index Only Scan", "Heap Fetches": 500}, {"share": 0.25}),
        ("PB404", {"Node Type": "Materialize", "Actual Rows": MEAN}, {"rows": 9_500}),
        ("PB501", {"Node Type": "Seq Scan", "Actual Rows": MEAN, "Plan Rows": 1}, {"rows": 9_500, "q_error": 9.5}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_rounded_mean_counts_with_the_least_it_can_stand_for(
    code: str, shown: dict[str, Any], edges: dict[str, float]
) -> None:
    plan = parse({"Actual Rows": 0, "Actual Loops": LOOPS, **shown})
    (rule,) = (rule for rule in EXECUTED if rule.code == code)
    assert [hit.code for hit in check(Subject(plan), [rule], {code: edges})] == [code]
    for option, value in edges.items():
        above = {code: edges | {option: value * 1.01}}
        assert not check(Subject(plan), [rule], above), option


@pytest.mark.parametrize("rule", EXECUTED, ids=lambda rule: rule.code)
def test_a_small_plan_never_fires(rule: Rule) -> None:
    small = parse((OF_RULES / "pg18" / "shares_initplan_deep.json").read_text())
    assert not [hit for hit in check(Subject(small), [rule]) if hit.judged]


@pytest.mark.parametrize("name", RECORDED)
def test_an_unchanged_statement_has_the_same_hits_on_every_major(name: str) -> None:
    found = {
        major: [(hit.code, hit.relation) for hit in hits(name, major)]
        for major in range(14, 19)
        if (OF_RULES / f"pg{major}" / f"{name}.json").exists()
    }
    assert len(set(map(str, found.values()))) == 1, found


@pytest.mark.parametrize("sql", ["COPY (SELECT * FROM wide) TO STDOUT", "create table x as select 1", "\n REFRESH …"])
def test_what_is_meant_to_take_everything_needs_no_limit(sql: str) -> None:
    assert "PB101" in {hit.code for hit in hits("pb101_all", 18, "SELECT id, grp FROM wide")}
    assert "PB101" not in {hit.code for hit in hits("pb101_all", 18, sql)}
