"""What stands between the clock and the statements: a debugger, or a tool that watches every line of this process."""

from __future__ import annotations

import sys
import threading
import types

_TOOLS = 6
"""Numbers that ``sys.monitoring`` gives out."""


def disturbed(debugger: str) -> str | None:
    """Why nothing is timed, in words; None where nothing is in the way. ``debugger`` is pytest's option, if given."""
    if debugger:
        return f"the run is under {debugger}"
    watching = sys.gettrace() or threading.gettrace() or sys.getprofile()
    if watching is None:
        return _monitored()
    module = getattr(watching, "__module__", None) or type(watching).__module__
    return _watched(module.partition(".")[0])


def _monitored() -> str | None:
    """Tools of ``sys.monitoring`` (3.12), where coverage and debuggers register: by the names they give themselves.
    Coverage takes the next free number where its own is taken (7.6, ``sysmon.py``)."""
    monitoring: types.ModuleType | None = getattr(sys, "monitoring", None)
    if monitoring is None:
        return None
    name = next((name for tool in range(_TOOLS) if (name := monitoring.get_tool(tool))), None)
    return _watched(name.removesuffix(".py")) if name else None


def _watched(tool: str) -> str:
    return f"{tool} watches every line of this process"
