"""What the operating system says of a local server's processes: CPU time and memory. On Linux.

A backend is found by the process id the server gives it. Whether that is the process of this machine, and not one of
the same number in a container's or another machine's, its title tells: it names the database, and those of a run have
names of their own.
"""

from __future__ import annotations

import ctypes
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from pytest_perfbudget.errors import DisturbedError

_PROC = Path("/proc")
_WORKER = re.compile(rb"parallel worker for PID (\d+)")
_PSS = re.compile(r"^(Pss|Pss_Shmem):\s+(\d+) kB$", re.MULTILINE)


def cpu_clock(backend: int, database: str) -> Callable[[], float]:
    """The seconds of CPU time that a backend has had, read anew with each call.

    Raises:
        DisturbedError: it is no process of this machine, or the platform does not tell.
    """
    _check(backend, database)
    found = ctypes.c_int()
    if ctypes.CDLL(None).clock_getcpuclockid(backend, ctypes.byref(found)):
        raise DisturbedError("the CPU time of its process cannot be read")
    clock = found.value
    return lambda: time.clock_gettime(clock)


def memory(backend: int, its: str, database: str) -> Callable[[], int]:
    """The bytes that all backends of ``database`` have together, parallel workers included: their proportional share of
    the memory they are in (PSS), without shared memory. ``backend`` is another of the server, in the database ``its``.

    Raises:
        DisturbedError: it is no process of this machine, or the platform does not tell.
    """
    _check(backend, its)
    children = _children(_parent(backend))
    try:
        _pss(backend)
        children.read_text()
    except (OSError, KeyError) as error:
        raise DisturbedError(f"the memory of the server's processes cannot be read: {error}") from None
    title = f" {database} ".encode()
    return lambda: sum(_pss(one, gone=0) for one in _serving(children, title))


def _check(backend: int, database: str) -> None:
    if sys.platform != "linux":
        raise DisturbedError(f"what the server's processes use is read on Linux, not on {sys.platform}")
    if not _serves(_title(backend), f" {database} ".encode()):
        raise DisturbedError("the server's processes are not processes of this machine that can be seen")


def _serving(children: Path, title: bytes) -> Iterator[int]:
    """The backends of a database, and the parallel workers of those."""
    titles = {int(word): _title(int(word)) for word in children.read_text().split()}
    for pid, text in titles.items():
        worker = _WORKER.search(text)
        leader = titles.get(int(worker[1]), b"") if worker else text
        if _serves(leader, title):
            yield pid


def _serves(text: bytes, title: bytes) -> bool:
    return text.startswith(b"postgres:") and title in text


def _title(pid: int) -> bytes:
    """The title of a process; empty where it is gone."""
    try:
        return (_PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return b""


def _parent(pid: int) -> int:
    return int((_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])


def _children(pid: int) -> Path:
    return _PROC / str(pid) / "task" / str(pid) / "children"


def _pss(pid: int, gone: int | None = None) -> int:
    """Bytes of one process; ``gone`` where it has ended meanwhile."""
    try:
        text = (_PROC / str(pid) / "smaps_rollup").read_text()
    except OSError:
        if gone is None:
            raise
        return gone
    found = {name: int(kilobytes) for name, kilobytes in _PSS.findall(text)}
    if gone is not None and not found:  # a process that is just ending has no memory any more
        return gone
    return (found["Pss"] - found["Pss_Shmem"]) * 1024
