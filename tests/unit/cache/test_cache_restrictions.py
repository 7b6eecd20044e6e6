"""What a plan's conditions say of the rows: read from generic plans of three majors, and from drawn conditions."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_perfbudget.cache.queries.keys import Key, Operand
from pytest_perfbudget.cache.queries.restrictions import restricted

DECLARED = {("public", "items"): ("1", {"owner": (2, "int"), "tag": (3, "text"), "code": (4, "text")})}
BY_OWNER = {"1": (Key(2, "int", (Operand(parameter=1),)),)}


@pytest.mark.parametrize("major", [14, 16, 18])
@pytest.mark.parametrize(
    ("name", "found"),
    [
        pytest.param("key", BY_OWNER, id="a parameter"),
        pytest.param("initplan", {}, id="what an InitPlan returns, which is $1 up to 16"),
        pytest.param("key and initplan", BY_OWNER, id="both, with other numbers"),
    ],
)
def test_the_generic_plans_of_servers(major: int, name: str, found: dict[str, Any]) -> None:
    recorded = json.loads((Path(__file__).parent / "recorded" / f"generic_plans_{major}.json").read_text())
    assert restricted(recorded[name]["plan"], DECLARED, 1) == found


def scan(condition: str, node: str = "Seq Scan", **more: str) -> dict[str, str]:
    return {
        "Node Type": node, "Schema": "public", "Relation Name": "items", "Alias": "items", "Filter": condition, **more
    }  # fmt: skip


@pytest.mark.parametrize(
    ("condition", "operands"),
    [
        ("(items.owner = 42)", (Operand(constant="42"),)),
        ("(items.owner = '-5'::bigint)", (Operand(constant="-5"),)),
        ("(items.owner = ($1)::integer)", (Operand(parameter=1),)),
        ("($2 = items.owner)", (Operand(parameter=2),)),
        ("(items.owner = ANY ($1))", (Operand(parameter=1, several=True),)),
        ("(items.owner = ANY (ARRAY[$1, ($2)::integer, 7]))", (Operand(1), Operand(2), Operand(constant="7"))),
        ("(items.owner = ANY ('{1,-2}'::integer[]))", (Operand(constant="1"), Operand(constant="-2"))),
        ("(items.tag = 'it''s AND (more'::text)", (Operand(constant="it's AND (more"),)),
        ("((items.code)::text = $1)", (Operand(parameter=1),)),
        ("((items.owner = 1) AND (hashed SubPlan 1))", (Operand(constant="1"),)),
        ("((items.n <> 2) AND CASE WHEN ((items.owner = 1) AND (items.n = 1)) THEN true ELSE false END)", None),
        ("((items.owner = 1) OR (items.owner = 2))", None),
        ("(NOT ((items.owner = 1) AND (items.n = 2)))", None),
        ("(items.owner <> 1)", None),
        ("(items.owner OPERATOR(public.=) 1)", None),
        ("(items.owner = ANY (hashed SubPlan 1))", None),
        ("(items.owner <> ALL ('{1}'::integer[]))", None),
        ("((items.owner)::numeric = 1)", None),
        ("(items.owner = 1.0)", None),
        ("(items.owner = $3)", None),
        ("(other.owner = 1)", None),
        ("(items.tag = ($1)::text)", None),
        ("(items.tag = 'a'::bpchar)", None),
        ("(items.tag = $1 COLLATE folds)", None),
        ("((items.tag)::bpchar = $1)", None),
        ("(items.tag = ANY ('{a,b}'::text[]))", None),
        ("(items.owner = (InitPlan 1).col1)", None),
    ],
)
def test_a_condition(condition: str, operands: tuple[Operand, ...] | None) -> None:
    found = restricted([{"Plan": scan(condition)}], DECLARED, 2)
    assert (found["1"][0].operands if found else None) == operands


def test_every_scan_has_to_be_restricted() -> None:
    by_owner, by_tag, all_ = scan("(items.owner = 1)"), scan("(items.tag = 'a'::text)"), scan("(items.n = 1)")
    assert [key.column for key in restricted([by_owner, {"Plans": [by_tag]}], DECLARED, 0)["1"]] == [2, 3]
    assert restricted([by_owner, {"Plans": [all_]}], DECLARED, 0) == {}
    assert restricted([by_owner, {"Node Type": "Custom Scan"}], DECLARED, 0) == {}
    assert restricted([scan("(items.owner = 1)", "Tid Scan")], DECLARED, 0) == {}
    assert restricted([], DECLARED, 0) == {}


ATOMS = ("(items.owner = 1)", "(items.n = 1)", "items.flag", "(items.note = 'or (a) and'::text)")
CONDITIONS = st.recursive(
    st.sampled_from(ATOMS),
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"({' AND '.join(parts)})"),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"({' OR '.join(parts)})"),
        inner.map(lambda part: f"(NOT {part})"),
    ),
    max_leaves=8,
)


@given(CONDITIONS)
def test_a_restriction_follows_from_the_condition(condition: str) -> None:
    found = restricted([scan(condition)], DECLARED, 0)
    python = condition.replace("AND", "and").replace("OR", "or").replace("NOT", "not")
    for place, atom in enumerate(ATOMS):
        python = python.replace(atom, f"v[{place}]")
    follows = all(v[0] for v in itertools.product((False, True), repeat=4) if eval(python, {"v": v}))
    assert follows or not found
    if condition.startswith("((items.owner = 1) AND"):
        assert found
