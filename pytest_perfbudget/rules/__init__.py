"""What can be wrong with a plan: one file per rule, its docstring is its page."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_perfbudget.rules.base import Rule

    BUILTIN: tuple[Rule, ...]
    """The rules that come with the plugin, by code; the modules are imported when this is first asked for."""

MODULES = (
    "pb201_sequential_scan",
    "pb202_whole_index_walk",
    "pb203_rows_removed_by_filter",
    "pb301_sort_spill",
    "pb302_hash_spill",
    "pb401_nested_loop_over_sequential_scan",
)


def __getattr__(name: str) -> tuple[Rule, ...]:
    if name != "BUILTIN":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return tuple(import_module(f"{__name__}.{module}").RULE for module in MODULES)
