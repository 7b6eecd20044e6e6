from __future__ import annotations

from recorded_plans import MAJORS, document, names

from pytest_perfbudget.plans.access import access_paths, indexes_used
from pytest_perfbudget.plans.parse import parse
from pytest_perfbudget.plans.render import tree


def test_by_alias_and_by_name() -> None:
    paths = access_paths(tree(parse(document("merge_join"))))
    assert paths == {
        "o": "Index Scan using orders_pkey",
        "orders": "Index Scan using orders_pkey",
        "i": "Index Scan using items_pkey",
        "items": "Index Scan using items_pkey",
    }


def test_a_bitmap_names_its_own_indexes() -> None:
    paths = access_paths(tree(parse(document("subplan"))))
    assert paths["o"] == "Bitmap Heap Scan using orders_customer_idx, orders_status_placed_idx"
    assert paths["c"] == "Index Only Scan using customers_pkey"


def test_subplans_and_quoted_names() -> None:
    lines = ('CTE recent: Index Scan Backward using "Placed: Idx" on "Order"   Filter: x = ?', "  Values Scan")
    assert access_paths(lines) == {"Order": 'Index Scan Backward using "Placed: Idx"'}
    assert indexes_used(lines) == {"Placed: Idx"}


def test_every_relation_and_index_of_a_plan_is_read_back_from_its_lines() -> None:
    for major in MAJORS:
        for name in names(major):
            plan = parse(document(name, major))
            nodes = [node for node in plan.root.walk() if node.text("Operation") in (None, "Select")]
            lines = tree(plan)
            assert {node.index for node in nodes if node.index} == indexes_used(lines), name
            assert {node.relation for node in nodes if node.relation} <= access_paths(lines).keys(), name
