from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorded_plans import MAJORS as RECORDED
from recorded_plans import document, names
from shape_plans import MAJORS, documents, plan

from pytest_perfbudget.plans.identifiers import identifiers
from pytest_perfbudget.plans.labels import SCANS
from pytest_perfbudget.plans.parse import parse

PARTS = ("events_2024_a", "events_2024_b", '"Events 2025"', "archived")
NAMED = {
    "scans/twice_in_a_subplan": ["o", "o@initplan_1", "o#2@initplan_1"],
    "scans/partitions_in_a_subplan": ["orders_1", *(f"e/{part}@initplan_1" for part in PARTS)],
    "scans/self_join": ["o@initplan_1", "p", "o"],
    "scans/cte_twice": ["o@cte_w", "x", "y", "o"],
    "scans/union_all": ["o", "o#2"],
    "partitions/all": [f"events/{part}" for part in PARTS],
    "partitions/all/verbose": [f"events/public.{part}" for part in PARTS],
    "partitions/aliased": [f"e/{part}" for part in PARTS],
    "partitions/twice": [*(f"events/{part}" for part in PARTS), *(f"events#2/{part}" for part in PARTS)],
    "partitions/joined": [f"{alias}/{part}" for alias in "ab" for part in PARTS],
    "partitions/one_left": ["events"],
    "partitions/one_left_aliased": ["e"],
    "partitions/update": [f"e/{part}" for part in PARTS],
    "partitions/update_one_left": ['e/"Events 2025"'],
    "partitions/delete_one_left": ["e/events_2024_a"],
    "partitions/inherited": ["parent/parent", "parent/child"],
    "partitions/named_like_a_number": ["orders_1"],
    "partitions/quoted": ['"Order ""Lines"""'],
    "partitions/quoted_partition": ['"Events 2025"'],
}


@pytest.mark.parametrize("major", MAJORS)
@pytest.mark.parametrize("name", NAMED)
def test_scans_are_named_in_the_grammar_of_postgres_19(name: str, major: int) -> None:
    assert list(identifiers(plan(name, major)).values()) == NAMED[name]


@pytest.mark.parametrize("major", MAJORS)
def test_partitions_of_a_partitionwise_join_are_found_below_its_joins(major: int) -> None:
    found = set(identifiers(plan("partitions/joined_by_parts", major)).values())
    assert found == {f"{alias}/{part}" for alias in "ab" for part in PARTS}


def test_a_merge_into_partitions() -> None:
    assert list(identifiers(plan("partitions/merge")).values()) == ['e/"Events 2025"', "o"]


def test_every_scan_with_an_alias_has_one_and_no_two_are_equal() -> None:
    recorded = [document(name, major) for major in RECORDED for name in names(major)]
    for given_document in [*recorded, *(one for major in MAJORS for one in documents(major).values())]:
        explained = parse(given_document)
        named = identifiers(explained)
        assert set(named) == {node for node in explained.root.walk() if node.type in SCANS and node.alias}
        assert len(set(named.values())) == len(named)


ALIASES = st.sampled_from(["o", "o_1", "o_2", "o_1_1", "O", 'a"b', "x.y", "x@y", "x#2", "x/y", "*VALUES*_1"])
SCAN = st.builds(
    lambda alias, relation, role, name: {
        "Node Type": "Seq Scan", "Alias": alias, "Relation Name": relation, "Parent Relationship": role,
        "Subplan Name": name,
    },
    ALIASES, ALIASES, st.sampled_from(["Member", "Outer", "SubPlan"]),
    st.sampled_from([None, "SubPlan 1", "CTE a b", "CTE a_b", "InitPlan 2 (returns $1)"]),
)  # fmt: skip
TREES = st.recursive(
    SCAN,
    lambda inner: st.builds(
        lambda kind, plans: {"Node Type": kind, "Plans": plans, "Parent Relationship": "Member"},
        st.sampled_from(["Append", "Hash Join", "Merge Append"]),
        st.lists(inner, min_size=1, max_size=4),
    ),
    max_leaves=12,
)


@given(TREES)
def test_no_two_scans_of_any_plan_share_a_name(tree: object) -> None:
    found = list(identifiers(parse({"Plan": tree})).values())
    assert len(set(found)) == len(found)
