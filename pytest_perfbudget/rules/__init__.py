"""What can be wrong with a plan: one file per rule, its docstring is its page."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_perfbudget.rules.base import Rule

    BUILTIN: tuple[Rule, ...]
    """The rules that come with the plugin, by code; the modules are imported when this is first asked for."""

MODULES = (
    "pb101_unbounded_result",
    "pb102_wide_rows",
    "pb103_deep_offset",
    "pb104_not_in_subquery",
    "pb201_sequential_scan",
    "pb202_whole_index_walk",
    "pb203_rows_removed_by_filter",
    "pb204_rows_removed_by_join_filter",
    "pb205_rows_removed_by_recheck",
    "pb206_lossy_bitmap",
    "pb207_heap_fetches",
    "pb208_unservable_condition",
    "pb209_trailing_column_filter",
    "pb210_lost_partition_pruning",
    "pb211_function_on_indexed_column",
    "pb212_implicit_type_mismatch",
    "pb301_sort_spill",
    "pb302_hash_spill",
    "pb303_hash_aggregate_spill",
    "pb304_temp_blocks",
    "pb305_sort_an_index_could_give",
    "pb401_nested_loop_over_sequential_scan",
    "pb402_nested_loop_explosion",
    "pb403_subplan_per_row",
    "pb404_materialize_rescans",
    "pb405_cte_fence",
    "pb501_misestimate",
    "pb502_never_analyzed_table",
    "pb503_generic_plan_hazard",
    "pb504_lost_parallelism",
    "pb505_jit_share",
    "pb506_planning_share",
)


def __getattr__(name: str) -> tuple[Rule, ...]:
    if name != "BUILTIN":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return tuple(import_module(f"{__name__}.{module}").RULE for module in MODULES)
