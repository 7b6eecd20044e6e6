from __future__ import annotations

import bdb
import gc
import sys

import pytest

from pytest_perfbudget.measure.quiet import disturbance, no_garbage_collection


def nothing(*_: object) -> None:
    return None


def test_a_process_that_nobody_watches() -> None:
    assert disturbance(nothing, nothing, nothing, nothing) == ""


def test_a_debugger_is_named() -> None:
    tracer = bdb.Bdb().trace_dispatch
    assert disturbance(lambda: tracer, nothing, nothing, nothing) == (
        "a debugger or coverage traces every line (bdb.Bdb.trace_dispatch)"
    )


def test_a_tracer_of_new_threads_counts_too() -> None:
    assert "traces every line" in disturbance(nothing, nothing, lambda: nothing, nothing)


def test_an_object_that_traces_is_named_by_its_class() -> None:
    class Tracer:
        def __call__(self, *_: object) -> None: ...

    assert disturbance(Tracer, nothing, nothing, nothing).endswith("Tracer)")


def test_a_profiler_is_named() -> None:
    assert disturbance(nothing, lambda: nothing, nothing, nothing).startswith("a profiler follows every call")


def test_tools_that_monitor_are_named() -> None:
    tools = {1: "coverage", 3: "other"}
    assert disturbance(nothing, nothing, nothing, tools.get) == "Python's execution is monitored by coverage, other"


def test_the_interpreter_itself_is_asked() -> None:
    before = sys.gettrace()
    try:
        sys.settrace(nothing)
        assert "nothing" in disturbance()
    finally:
        sys.settrace(before)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="sys.monitoring is new in Python 3.12")
def test_a_tool_of_the_interpreter_is_seen() -> None:
    free = next(number for number in range(6) if sys.monitoring.get_tool(number) is None)
    sys.monitoring.use_tool_id(free, "watcher")
    try:
        assert "watcher" in disturbance(nothing, nothing, nothing)
    finally:
        sys.monitoring.free_tool_id(free)


@pytest.mark.parametrize("enabled", [True, False])
def test_garbage_collection_is_as_before(enabled: bool) -> None:
    was = gc.isenabled()
    try:
        gc.enable() if enabled else gc.disable()
        with no_garbage_collection():
            assert not gc.isenabled()
        assert gc.isenabled() is enabled
    finally:
        gc.enable() if was else gc.disable()
