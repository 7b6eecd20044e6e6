from __future__ import annotations

import pytest
from recorded_plans import OF_RULES, document

from pytest_perfbudget.model import Work
from pytest_perfbudget.plans.facts import blocks
from pytest_perfbudget.plans.parse import parse
from pytest_perfbudget.plans.work import cost, work


def counted(name: str, major: int = 18) -> Work:
    return work(parse(document(name, major)), major)


def test_counters_of_a_nested_loop_over_an_index() -> None:
    measured = counted("nested_loop_over_index")
    assert (measured.rows, measured.loops, measured.rows_removed, measured.spills) == (105, 5, 0, 0)
    assert measured.buffers == parse(document("nested_loop_over_index")).root.fields["Shared Hit Blocks"]


def test_buffers_are_found_and_read_shared_and_local_without_those_of_planning() -> None:
    kinds = ("Shared Hit", "Shared Read", "Local Hit", "Local Read", "Shared Dirtied")
    node = {f"{kind} Blocks": number for number, kind in enumerate(kinds, start=1)}
    plan = parse({"Plan": {"Node Type": "Seq Scan", **node}, "Planning": {"Shared Hit Blocks": 1000}})
    assert work(plan, 18).buffers == 1 + 2 + 3 + 4


def test_rows_removed_counts_filters_and_join_filters() -> None:
    assert counted("nested_loop_over_seq_scan").rows_removed == 479_520 + 1_988


def test_subplans_count_as_loops_and_init_plans_do_not() -> None:
    assert counted("subplan").loops == 19
    assert counted("init_plan").loops == 0


def test_writes_leave_wal_records() -> None:
    assert counted("insert_conflict").wal > 0
    assert counted("index_scan").wal == 0


@pytest.mark.parametrize(
    ("name", "spills"),
    [
        ("sort_spill", 1),
        ("sort_in_memory", 0),
        ("incremental_sort_spill", 1),
        ("hash_spill", 1),
        ("hash_in_memory", 0),
        ("hash_aggregate_spill", 1),
    ],
)
def test_spills_and_temporary_blocks(name: str, spills: int) -> None:
    measured = counted(name)
    assert measured.spills == spills
    assert (measured.temp > 0) == (spills > 0)


def test_heap_fetches_are_a_total_not_a_mean() -> None:
    node = {"Node Type": "Index Only Scan", "Heap Fetches": 7, "Actual Loops": 3, "Actual Rows": 5}
    assert work(parse(node), 18).heap_fetches == 7


def test_what_postgres_rounds_per_loop_is_marked() -> None:
    assert "rows" in counted("nested_loop_over_index", 15).inexact
    assert "rows" not in counted("nested_loop_over_index", 18).inexact
    assert counted("seq_scan_filter", 15).inexact == frozenset()
    # Two of three executions remove one row or none: 18 prints the mean without decimals too.
    assert "rows_removed" in counted("subplan_removes_a_fraction", 18).inexact


def test_a_subquery_scan_passes_rows_on_and_does_not_count_them_again() -> None:
    assert counted("window").rows == 180


def test_cost_is_the_roots_and_all_that_a_plan_without_execution_has() -> None:
    plan = parse(document("estimates_only"))
    assert work(plan, 18) == Work(cost=cost(plan))
    assert cost(plan) == plan.root.fields["Total Cost"] > 0


@pytest.mark.parametrize("major", [14, 18])
def test_what_a_with_query_writes_after_the_root_has_ended_counts(major: int) -> None:
    plan = parse((OF_RULES / f"pg{major}" / "shares_dml_cte_unread.json").read_text())
    (delete,) = plan.of("ModifyTable")
    assert "Shared Hit Blocks" not in plan.root.fields or not plan.root.fields["Shared Hit Blocks"]
    measured = work(plan, major)
    assert (measured.buffers, measured.wal) == (blocks(delete), delete.number("WAL Records"))
    assert measured.buffers > 49, "49 rows were deleted"
