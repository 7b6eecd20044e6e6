from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plan_trees import WILD_DOCUMENT
from recorded_plans import document, every

from pytest_perfbudget.plans import facts
from pytest_perfbudget.plans.node import Node
from pytest_perfbudget.plans.parse import parse

NUMBERS = (
    facts.blocks,
    facts.rows,
    facts.rows_removed,
    facts.rows_scanned,
    facts.heap_fetches,
    facts.hash_batches,
    facts.group_batches,
)


def node(**fields: Any) -> Node:
    return Node("Seq Scan", {key.replace("_", " "): value for key, value in fields.items()})


def counted(produced: float, loops: int, planned: float = 0, removed: int = 0) -> Node:
    return node(Actual_Rows=produced, Actual_Loops=loops, Plan_Rows=planned, Rows_Removed_by_Filter=removed)


@given(WILD_DOCUMENT)
def test_facts_of_any_document_are_numbers_not_below_zero(wild: object) -> None:
    for found in parse(wild).nodes:  # type: ignore[arg-type]
        assert all(fact(found) >= 0 for fact in NUMBERS)
        assert min(facts.heap_blocks(found)) >= 0
        assert facts.q_error(found) >= 1
        assert 0 <= facts.fewest(found, *facts.REMOVED) <= facts.most(found, *facts.REMOVED)


def test_facts_of_recorded_plans_lie_between_their_bounds() -> None:
    for path in every():
        for found in parse(path.read_text()).nodes:
            keys = (facts.PRODUCED, *facts.REMOVED)
            assert facts.fewest(found, *keys) - 1 <= facts.rows_scanned(found) <= facts.most(found, *keys) + 1


@given(st.integers(0, 10**6), st.integers(1, 50))
def test_what_a_rounded_mean_can_stand_for_is_within_the_bounds(total: int, loops: int) -> None:
    mean = total / loops
    for printed in (int(mean + 0.5), round(mean, 2)):
        found = counted(printed, loops)
        assert facts.fewest(found, facts.PRODUCED) <= total + 1e-6
        assert facts.most(found, facts.PRODUCED) >= total - 1e-6


def test_one_loop_is_exact() -> None:
    found = counted(7, 1, removed=3)
    assert (
        facts.fewest(found, facts.PRODUCED, facts.FILTERED) == facts.most(found, facts.PRODUCED, facts.FILTERED) == 10
    )


def test_majors_up_to_17_round_rows_to_whole_ones_and_18_to_hundredths() -> None:
    assert facts.fewest(counted(0, 1000), facts.PRODUCED) == 0
    assert facts.most(counted(0, 1000), facts.PRODUCED) == 500
    assert facts.most(counted(0.0, 1000), facts.PRODUCED) == 5
    assert facts.most(counted(0.0, 1000, removed=2), facts.FILTERED) == 2500


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_the_q_error_is_the_same_whichever_side_was_planned(left: int, right: int) -> None:
    assert facts.q_error(counted(left, 1, right)) == facts.q_error(counted(right, 1, left)) >= 1


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(2, 100))
def test_rounding_never_makes_a_q_error(planned: int, total: int, loops: int) -> None:
    mean = total / loops
    exact = facts.q_error(counted(mean, 1, planned))
    assert facts.q_error(counted(int(mean + 0.5), loops, planned)) <= exact * (1 + 1e-9)


@pytest.mark.parametrize(
    ("produced", "planned", "error"),
    [(1000, 10, 100), (10, 1000, 100), (0, 1, 1), (0, 50, 50), (5, 0, 5), (3, 3, 1)],
)
def test_q_errors(produced: int, planned: int, error: float) -> None:
    assert facts.q_error(counted(produced, 1, planned)) == error
    assert facts.underestimated(counted(produced, 1, planned)) == (produced > planned)


def test_spills_are_told_by_batches_or_by_the_disk() -> None:
    hashes = {
        name: next(parse(document(name)).of("Hash", "Aggregate"))
        for name in ("hash_spill", "hash_in_memory", "hash_aggregate_spill")
    }
    assert {name: facts.hash_batches(found) for name, found in hashes.items()} == {
        "hash_spill": 16,
        "hash_in_memory": 1,
        "hash_aggregate_spill": 0,
    }
    assert facts.group_batches(hashes["hash_aggregate_spill"]) == 85
    assert facts.group_batches(node(HashAgg_Batches=1, Disk_Usage=8)) == 2
    assert facts.group_batches(node(Workers=[{"HashAgg Batches": 5}, {"HashAgg Batches": 3}])) == 5


def test_blocks_of_a_bitmap_are_those_of_all_processes() -> None:
    found = node(Exact_Heap_Blocks=3, Lossy_Heap_Blocks=4, Workers=[{"Exact Heap Blocks": 10, "Lossy Heap Blocks": 20}])
    assert facts.heap_blocks(found) == (13, 24)
