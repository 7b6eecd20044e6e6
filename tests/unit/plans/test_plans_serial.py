from __future__ import annotations

import pytest
from shape_plans import MAJORS, documents, plan

from pytest_perfbudget.plans.fingerprint import fingerprint, mark, marked
from pytest_perfbudget.plans.parse import parse
from pytest_perfbudget.plans.render import tree
from pytest_perfbudget.plans.serial import serial

SHARED = [name.removeprefix("parallel/") for name in documents(18) if name.startswith("parallel/")]


@pytest.mark.parametrize("major", MAJORS)
@pytest.mark.parametrize("name", [name for name in SHARED if name != "group_aggregate"])
def test_a_plan_shared_out_to_workers_has_the_fingerprint_of_one_process(name: str, major: int) -> None:
    shared, alone = plan(f"parallel/{name}", major), plan(f"serial/{name}", major)
    assert any("Gather" in line for line in tree(shared))
    assert tree(shared, parallel=False) == tree(alone)
    assert fingerprint(shared) == fingerprint(alone)
    assert fingerprint(shared, parallel=True) != fingerprint(alone, parallel=True)


def test_another_join_is_another_shape_with_workers_too() -> None:
    assert fingerprint(plan("parallel/hash_join")) != fingerprint(plan("serial/append"))
    assert fingerprint(plan("parallel/sort")) != fingerprint(plan("parallel/distinct"))


def test_without_workers_nothing_is_rebuilt() -> None:
    root = plan("serial/sort").root
    assert serial(root) is root


def test_the_fingerprint_is_that_of_the_lines() -> None:
    shared = plan("parallel/sort")
    assert fingerprint(shared) == mark(tree(shared, parallel=False))
    assert fingerprint(shared, parallel=True) == mark(tree(shared))
    for plan_ in (shared, plan("serial/sort")):
        assert marked(plan_) == (fingerprint(plan_), tree(plan_))


def test_a_gather_hands_its_role_and_its_init_plans_on() -> None:
    scan = {"Node Type": "Seq Scan", "Relation Name": "t", "Parent Relationship": "Outer", "Parallel Aware": True}
    first = {"Node Type": "Result", "Parent Relationship": "InitPlan", "Subplan Name": "InitPlan 1"}
    gather = {"Node Type": "Gather", "Subplan Name": "CTE recent", "Plans": [first, scan]}
    document = {"Node Type": "Limit", "Plans": [gather | {"Parent Relationship": "InitPlan"}]}
    assert tree(parse(document), parallel=False) == ("Limit", "  CTE recent: Seq Scan on t", "    InitPlan: Result")


def test_a_plain_aggregate_over_a_gather_is_not_half_of_another() -> None:
    inner = {"Node Type": "Aggregate", "Strategy": "Plain", "Plans": [{"Node Type": "Seq Scan"}]}
    outer = {"Node Type": "Aggregate", "Strategy": "Plain", "Plans": [{"Node Type": "Gather", "Plans": [inner]}]}
    assert tree(parse(outer), parallel=False) == ("Aggregate", "  Aggregate", "    Seq Scan")
