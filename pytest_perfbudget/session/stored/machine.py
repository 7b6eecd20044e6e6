"""The class of CPU that figures were measured on: its model and the number of cores, as the system says it."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

from pytest_perfbudget.postgres.profiles.found import here
from pytest_perfbudget.postgres.server import Server

_CPUINFO = Path("/proc/cpuinfo")
_FIELD = re.compile(r"^([^:\n]+?)\s*:\s*(.*)$", re.MULTILINE)
_ARM = ("CPU implementer", "CPU part")
"""What Linux says of an ARM processor, in place of its name."""


def machine(server: Server) -> str:
    """``"AMD EPYC 7763 64-Core Processor, 4 cores"``; empty where the server runs on another machine, or on one that
    does not say what it is."""
    if server.kind == "dsn" and not here(server.admin):
        return ""
    name = _model()
    cores = os.cpu_count() or 0
    return f"{name}, {cores} core{'s' if cores != 1 else ''}" if name and cores else ""


def _model() -> str:
    return next((name for ask in _SOURCES if (name := " ".join(ask().split()))), "")


def _linux() -> str:
    try:
        said = dict(reversed(_FIELD.findall(_CPUINFO.read_text(errors="replace"))))
    except OSError:
        return ""
    return said.get("model name") or " ".join(f"{name} {said[name]}" for name in _ARM if name in said)


def _macos() -> str:
    if platform.system() != "Darwin":
        return ""
    asked = ["sysctl", "-n", "machdep.cpu.brand_string"]
    try:
        return subprocess.run(asked, capture_output=True, text=True, check=False).stdout
    except OSError:
        return ""


_SOURCES: tuple[Callable[[], str], ...] = (_linux, _macos, platform.processor)
