from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plan_trees import JSON, WILD_DOCUMENT
from recorded_plans import MAJORS, document, names

from pytest_perfbudget.errors import PlanError
from pytest_perfbudget.plans.fingerprint import fingerprint
from pytest_perfbudget.plans.parse import parse, parse_all
from pytest_perfbudget.plans.work import work

NODE = {"Node Type": "Seq Scan", "Relation Name": "orders", "Alias": "o", "Odd Key": [1]}


@pytest.mark.parametrize("major", MAJORS)
def test_every_recorded_document_is_a_plan(major: int) -> None:
    for name in names(major):
        plan = parse(document(name, major))
        assert plan.analyzed == (not name.endswith(("estimates_only", "estimated"))), name
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
        ('[{"Plan": {"Node', "is not JSON"),
        (b"\xff\xfe\xfa", "is not text in UTF-8"),
        ("[]", "an empty list"),
        ("42", "expected an object, found int"),
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


@given(JSON | WILD_DOCUMENT | st.text() | st.binary() | JSON.map(json.dumps))
def test_any_json_is_a_plan_or_the_error(given: object) -> None:
    try:
        plan = parse(given)  # type: ignore[arg-type]
    except PlanError:
        return
    assert len(fingerprint(plan)) == 16
    assert work(plan, 18).buffers >= 0


def test_a_plan_nested_beyond_reason_is_the_error() -> None:
    node: dict[str, object] = dict(NODE)
    for _ in range(5000):
        node = {"Node Type": "Limit", "Plans": [node]}
    with pytest.raises(PlanError, match="nested too deeply"):
        parse(node)
