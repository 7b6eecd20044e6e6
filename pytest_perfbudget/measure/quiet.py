"""What makes every figure of a process wrong, and can be known before measuring: tracing, and garbage collection."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_TOOLS = range(6)
"""The identifiers of :mod:`sys.monitoring` (Python 3.12+)."""


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Garbage collection is off meanwhile, and then as it was."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def disturbance(
    tracing: Callable[[], object] = sys.gettrace,
    profiling: Callable[[], object] = sys.getprofile,
    threads: Callable[[], object] = threading.gettrace,
    monitoring: Callable[[int], str | None] | None = None,
) -> str:
    """Why times of this process mean nothing, in words; empty where nothing is known to disturb them.

    A debugger or coverage calls back for every line of Python, in the driver too, and a profiler for every function.
    ``monitoring`` gives the name of the tool under an identifier of :mod:`sys.monitoring`.
    """
    if (tracer := tracing() or threads()) is not None:
        return f"a debugger or coverage traces every line ({_named(tracer)})"
    if (profiler := profiling()) is not None:
        return f"a profiler follows every call ({_named(profiler)})"
    named = monitoring or _monitoring
    tools = [name for identifier in _TOOLS if (name := named(identifier))]
    return f"Python's execution is monitored by {', '.join(tools)}" if tools else ""


def _monitoring(identifier: int) -> str | None:
    """The tool that monitors under this identifier; there is none before Python 3.12."""
    api = getattr(sys, "monitoring", None)
    name = api.get_tool(identifier) if api else None
    return str(name) if name else None


def _named(hook: object) -> str:
    """``coverage.CTracer`` of an object, ``bdb.Bdb.trace_dispatch`` of a method: who set the hook."""
    what = hook if hasattr(hook, "__qualname__") else type(hook)
    return f"{what.__module__}.{getattr(what, '__qualname__', '')}"
