from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plan_texts import JSON_LIKE, TREES
from plan_trees import JSON, WILD_DOCUMENT
from recorded_plans import MAJORS, document, names

from pytest_perfbudget.errors import PlanError
from pytest_perfbudget.plans.fingerprint import fingerprint
from pytest_perfbudget.plans.node import Plan
from pytest_perfbudget.plans.parse import parse, parse_all
from pytest_perfbudget.plans.work import work

PLANNED = ("estimates_only", "estimated", "table_function_scan", "options_16", "options_overexplain")
"""How the names of those end that were not executed."""
NODE = {"Node Type": "Seq Scan", "Relation Name": "orders", "Alias": "o", "Odd Key": [1]}


@pytest.mark.parametrize("major", MAJORS)
def test_every_recorded_document_is_a_plan(major: int) -> None:
    for name in names(major):
        plan = parse(document(name, major))
        assert plan.analyzed == (not name.endswith(PLANNED)), name
        assert all(node.type for node in plan.root.walk())


def test_a_document_can_be_text_bytes_list_or_object() -> None:
    wrapped = [{"Plan": NODE, "Planning Time": 0.1}]
    for form in (json.dumps(wrapped), json.dumps(wrapped).encode(), wrapped, wrapped[0], NODE):
        assert parse(form).root.relation == "orders"


def test_what_stands_beside_the_plan_is_kept() -> None:
    plan = parse(document("auto_explain"))
    assert plan.document["Query Text"] == "SELECT id, total FROM orders WHERE id = $1"
    assert "Plan" not in plan.document


def test_unknown_keys_and_node_types_are_kept() -> None:
    plan = parse({"Plan": NODE | {"Node Type": "Quantum Scan"}})
    assert (plan.root.type, plan.root.fields["Odd Key"]) == ("Quantum Scan", [1])


def test_plans_are_found_under_any_key() -> None:
    remote = {"Job": {"Tasks": [{"Node": "host=a", "Remote Plan": [[{"Plan": NODE}]]}]}}
    plan = parse({"Plan": {"Node Type": "Custom Scan", "Distributed Query": remote, "Plans": [NODE]}})
    assert [node.type for node in plan.root.walk()] == ["Custom Scan", "Seq Scan", "Seq Scan"]


def test_relationships_and_loops() -> None:
    plan = parse(document("subplan"))
    subplan = next(node for node in plan.root.walk() if node.relationship == "SubPlan")
    assert (subplan.subplan_name, subplan.loops) == ("SubPlan 1", 19)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("Seq Scan on orders  (cost=0.00..1.00)", "is not JSON: Expecting value at line 1, column 1"),
        ('[{"Plan": {"Node', "is not JSON: Unterminated string starting at line 1, column 12"),
        (b"\xff\xfe\xfa", "is not text in UTF-8"),
        ("[]", "an empty list"),
        ("42", "expected an object, found int"),
        ('["Notify"]', "expected an object, found list"),
        (
            '{"Plan": {"Node Type": 7, "Plans": [{"Node Type": "Seq Scan"}]}}',
            "an object without \"Plan\", its keys: 'Plan'",
        ),
        ('{"Plans": [], "x": 1}', "an object without \"Plan\", its keys: 'Plans', 'x'"),
        ("[" * 100_000, "is not JSON we can read"),
        ([{"Plan": NODE}, {"Plan": NODE}], "the plans of 2 statements"),
    ],
)
def test_anything_else_is_one_clear_line(given: object, words: str) -> None:
    with pytest.raises(PlanError) as error:
        parse(given)  # type: ignore[arg-type]
    assert words in error.value.what
    assert "\n" not in error.value.what
    assert error.value.remedy


def test_several_statements() -> None:
    assert len(parse_all([{"Plan": NODE}, {"Plan": NODE}])) == 2


def test_a_statement_that_a_rule_added_and_that_is_not_planned_is_a_word() -> None:
    assert len(parse_all([{"Plan": NODE}, "Notify", {"Plan": NODE}])) == 2


@pytest.mark.parametrize("item", [{"Plan": {"Node Type": None}}, {"x": 1}, 7, []])
def test_a_statement_whose_plan_cannot_be_read_is_not_passed_over(item: object) -> None:
    with pytest.raises(PlanError, match="holds no plan"):
        parse_all([{"Plan": NODE}, item])


@given(JSON | WILD_DOCUMENT | st.text() | st.binary() | (JSON | WILD_DOCUMENT).map(json.dumps) | JSON_LIKE)
def test_any_json_any_text_any_bytes_is_a_plan_or_the_error(given: object) -> None:
    plans: tuple[Plan, ...] = ()
    words = ""
    try:
        plans = parse_all(given)  # type: ignore[arg-type]
    except PlanError as error:
        words = error.what
    assert bool(plans) != bool(words)
    assert words.isprintable()
    for plan in plans:
        assert len(fingerprint(plan)) == 16
        assert work(plan, 18).buffers >= 0


@given(WILD_DOCUMENT, st.data())
def test_a_plan_among_other_keys_is_found_whole(document: Any, data: st.DataObject) -> None:
    expected = [(node.type, dict(node.fields)) for node in parse(document).root.walk()]
    wrapped: Any = document[0]["Plan"]
    if data.draw(st.booleans()):
        wrapped = {"Plan": wrapped}
    for key in data.draw(st.lists(st.sampled_from(["a", "rows", "Plans", "QUERY PLAN"]), max_size=4)):
        junk = data.draw(st.dictionaries(st.text(max_size=3), st.none() | st.integers() | st.text(), max_size=3))
        wrapped = [wrapped] if data.draw(st.booleans()) else {**junk, key: wrapped, "z": [junk]}
    assert [(node.type, dict(node.fields)) for node in parse(wrapped).root.walk()] == expected


@given(TREES)
def test_each_node_is_counted_once_in_the_order_of_the_document(document: dict[str, Any]) -> None:
    """Under whatever keys the children are: the numbers count up as the document is read."""
    plan = parse(json.loads(json.dumps(document)))
    assert [node.fields["n"] for node in plan.root.walk()] == _numbers(document)
    assert all(node.fields["n"] < child.fields["n"] for node in plan.root.walk() for child in node.children)


def _numbers(value: Any) -> list[int]:
    own = [value["n"]] if isinstance(value, dict) and "Node Type" in value else []
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return own + [number for held in inner for number in _numbers(held)]


@pytest.mark.parametrize("levels", [1_000, 100_000])
def test_a_plan_nested_beyond_reason_is_the_error(levels: int) -> None:
    node: dict[str, Any] = dict(NODE)
    for _ in range(levels):
        node = {"Node Type": "Limit", "Plans": [node]}
    text = '{"Node Type": "Limit", "Plans": [' * levels + json.dumps(NODE) + "]}" * levels
    for deep in (node, {"junk": node}, text, "LOG:  plan: " + text, json.dumps([text])):
        with pytest.raises(PlanError, match="nested too deeply"):
            parse(deep)


def test_a_plan_of_four_hundred_levels_is_read() -> None:
    text = '{"Node Type": "Limit", "Plans": [' * 399 + json.dumps(NODE) + "]}" * 399
    assert [node.type for node in parse(text).root.walk()] == ["Limit"] * 399 + ["Seq Scan"]
