"""What the processes of servers use, as Linux tells it: CPU time of all they ever had, memory of those there are."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

_PROC = Path("/proc")
_TICK = os.sysconf("SC_CLK_TCK")
_PSS = re.compile(r"^Pss:\s+(\d+) kB$", re.MULTILINE)


def cpu(parents: Iterable[int]) -> float:
    """Seconds of CPU time, user and system, of these processes and their children, those that have ended included."""
    ticks = 0
    for parent in parents:
        ticks += sum(_times(parent)[:4])
        for child in _children(parent):
            ticks += sum(_times(child)[:2])
    return ticks / _TICK


def memory(parents: Iterable[int]) -> int:
    """Bytes of these processes and their children: the sum of their proportional shares (PSS), shared memory too."""
    return sum(_pss(process) for parent in parents for process in (parent, *_children(parent)))


def parent(process: int) -> int:
    """The process that started this one."""
    return int(_fields(process)[1])


def _times(process: int) -> list[int]:
    """utime, stime, cutime and cstime in ticks; nothing of a process that has ended, which its parent has by then."""
    try:
        return [int(word) for word in _fields(process)[11:15]]
    except OSError:
        return [0, 0, 0, 0]


def _fields(process: int) -> list[str]:
    """Of /proc/pid/stat, from the state on."""
    return (_PROC / str(process) / "stat").read_text().rpartition(")")[2].split()


def _children(process: int) -> list[int]:
    return [int(word) for word in (_PROC / str(process) / "task" / str(process) / "children").read_text().split()]


def _pss(process: int) -> int:
    try:
        text = (_PROC / str(process) / "smaps_rollup").read_text()
    except OSError:  # it has ended
        return 0
    found = _PSS.search(text)
    return int(found[1]) * 1024 if found else 0
