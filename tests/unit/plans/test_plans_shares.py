from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from plan_trees import COUNTED_DOCUMENT, WILD_DOCUMENT
from recorded_plans import OF_RULES, every

from pytest_perfbudget.plans.facts import blocks
from pytest_perfbudget.plans.labels import label
from pytest_perfbudget.plans.node import Plan
from pytest_perfbudget.plans.parse import parse
from pytest_perfbudget.plans.shares import Share, shares

COUNTED = ("blocks", "read", "temp_read", "temp_written", "wal_records", "wal_bytes")
MAJORS = (14, 15, 16, 17, 18)


def recorded(name: str, major: int = 18) -> Plan:
    return parse((OF_RULES / f"pg{major}" / f"shares_{name}.json").read_text())


def add_up(plan: Plan) -> None:
    """The law: nothing is lost, counted twice or below zero."""
    found = shares(plan)
    for name in COUNTED:
        amounts = [getattr(share, name) for share in found.of.values()]
        assert min(amounts) >= 0
        assert sum(amounts) == getattr(found.total, name)
    assert found.total.blocks == blocks(plan.root) + found.late.blocks
    assert all(share.time >= 0 and share.io >= 0 for share in found.of.values())
    times = sum(share.time for share in found.of.values())
    assert times == pytest.approx(found.total.time)


@pytest.mark.parametrize("path", every(), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_shares_add_up_in_every_recorded_plan(path: Path) -> None:
    plan = parse(path.read_text())
    add_up(plan)
    late = shares(plan).late
    writes = any(node.relationship == "InitPlan" for node in plan.of("ModifyTable"))
    assert writes or not any(getattr(late, name) for name in COUNTED), "only what writes runs late"


VERBOSE = [
    path
    for path in sorted(OF_RULES.glob("pg18/shares_*_verbose.json"))
    if not any(parse(path.read_text()).of("ModifyTable"))
]
"""Statements that write leave other pages behind for their second recording, so they are no comparison."""


@pytest.mark.parametrize("path", VERBOSE, ids=lambda path: path.stem)
def test_what_is_exact_does_not_depend_on_expressions_that_only_verbose_shows(path: Path) -> None:
    verbose, plain = parse(path.read_text()), parse(Path(str(path).replace("_verbose", "")).read_text())
    seen, told = shares(verbose), shares(plain)
    compared = 0
    for node, same in zip(verbose.nodes, plain.nodes, strict=True):
        # The workers share the pages out as they come.
        if blocks(node) == blocks(same) and seen.of[node].exact and told.of[same].exact:
            assert seen.of[node].blocks == told.of[same].blocks
            compared += 1
    assert compared


@given(COUNTED_DOCUMENT)
def test_shares_add_up_in_any_tree(document: object) -> None:
    add_up(parse(document))  # type: ignore[arg-type]


@given(WILD_DOCUMENT)
def test_any_document_has_shares(document: object) -> None:
    plan = parse(document)  # type: ignore[arg-type]
    assert set(shares(plan).of) == set(plan.nodes)


@pytest.mark.parametrize("major", MAJORS)
@pytest.mark.parametrize(
    ("name", "node", "blocks"),
    [
        ("initplan_in_subplan", "Seq Scan on t t_1", 285),  # five scans of 57 pages; the 57 of the InitPlan are its own
        ("initplan_in_subplan", "Seq Scan on t", 57),
        ("runtime_prune", "Append", 0),  # it asked, to know its partitions
        ("runtime_prune", "Seq Scan on part1 part_1", 23),
        ("par_init", "Gather", 0),  # a worker's condition is asked for by the Gather above it
        ("initplan_deep", "Bitmap Index Scan on u_t", 2),  # not the heap scan, which mentions it too
        ("cte_two_readers", "CTE Scan on a x", 0),  # whichever was first
        ("cte_two_readers", "CTE Scan on a y", 0),
        ("cte_below", "Index Only Scan using t_pkey on t", 3),
        ("cte_alone", "CTE Scan on a", 0),  # the CTE hangs on its own reader
        ("cte_alone", "Seq Scan on t", 57),
        ("cte_pulled_by_the_initplan_of_its_reader", "CTE Scan on a x", 0),
        ("cte_pulled_by_the_initplan_of_its_reader", "CTE Scan on a", 0),
        ("cte_of_the_same_name", "Seq Scan on t", 57),
        ("dml_chain", "CTE a", 50),  # the rows it inserted; the scan beneath has 57
    ],
)
def test_who_read_what(name: str, node: str, blocks: int, major: int) -> None:
    plan = recorded(name, major)
    called = [found for found in plan.nodes if node in (label(found), found.subplan_name)]
    assert shares(plan).of[called[-1]].blocks == blocks


def test_a_subplan_that_never_ran_costs_nobody_anything() -> None:
    plan = recorded("never")
    never = [node for node in plan.nodes if not node.loops]
    assert len(never) >= 3
    assert all(shares(plan).of[node] == Share() for node in never)


@pytest.mark.parametrize("major", MAJORS)
def test_a_scan_that_is_restarted_by_the_loop_above_leaves_the_choice_open(major: int) -> None:
    plan = recorded("rescan_init", major)
    found = {label(node): share for node, share in shares(plan).of.items()}
    loop, scan = found["Nested Loop"], found["Index Scan using t_pkey on t"]
    assert (loop.blocks, loop.exact, scan.blocks, scan.exact) == (0, False, 12, False)


def test_without_verbose_a_limit_and_the_scan_below_can_both_have_asked() -> None:
    plain, verbose = recorded("initplan_order_limit"), recorded("initplan_order_limit_verbose")
    assert [label(node) for node, share in shares(plain).of.items() if not share.exact] == [
        "Limit",
        "Index Scan using t_pkey on t",
    ]
    assert all(share.exact for share in shares(verbose).of.values())


def test_what_a_with_query_does_after_the_root_is_late() -> None:
    plan = recorded("dml_partly_read")
    found = shares(plan)
    assert found.late.wal_records > 700
    assert found.total.blocks == blocks(plan.root) + found.late.blocks > 1000
    assert found.of[next(plan.of("CTE Scan"))].blocks == 0


def test_temporary_blocks_belong_to_the_node_that_wrote_them() -> None:
    written = {label(node): share.temp_written for node, share in shares(recorded("cte_recursive_spill")).of.items()}
    assert written["Recursive Union"] == 0
    assert written["CTE Scan on r"] > 0


def test_time_beneath_a_gather_is_the_mean_of_its_processes() -> None:
    plan = recorded("par_init")
    scan = next(node for node in plan.of("Seq Scan") if node.parallel)
    assert scan.loops == 3
    assert shares(plan).of[scan].time == pytest.approx(scan.number("Actual Total Time") / 1000)


def test_a_plan_that_was_not_executed_has_empty_shares() -> None:
    plan = parse({"Node Type": "Seq Scan", "Total Cost": 5})
    assert shares(plan).total == Share()
    assert [field.name for field in fields(Share)][-1] == "exact"
