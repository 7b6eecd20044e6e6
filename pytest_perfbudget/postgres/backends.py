"""What the operating system says of a local server's processes: CPU time, waiting and memory. On Linux.

A backend is found by the process id the server gives it, which may be that inside of a container. Which process of this
machine that is, if any, its title tells: it names the database, and those of a run have names of their own.
"""

from __future__ import annotations

import ctypes
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from pytest_perfbudget.errors import DisturbedError

_PROC = Path("/proc")
_WORKER = re.compile(rb"parallel worker for PID (\d+)")
_INNER = re.compile(rb"^NSpid:.*\s(\d+)$", re.MULTILINE)
_PSS = re.compile(r"^(Pss|Pss_Shmem):\s+(\d+) kB$", re.MULTILINE)


def cpu_clock(backend: int, database: str) -> Callable[[], float]:
    """The seconds of CPU time that a backend has had, read anew with each call.

    Raises:
        DisturbedError: it is no process of this machine, or the platform does not tell.
    """
    found = ctypes.c_int()
    if ctypes.CDLL(None).clock_getcpuclockid(process_of(backend, database), ctypes.byref(found)):
        raise DisturbedError("the CPU time of its process cannot be read")
    clock = found.value
    return lambda: time.clock_gettime(clock)


def memory(backend: int, its: str, database: str) -> Callable[[], int]:
    """The bytes that all backends of ``database`` have together, parallel workers included: their proportional share of
    the memory they are in (PSS), without shared memory. ``backend`` is another of the server, in the database ``its``.

    Raises:
        DisturbedError: it is no process of this machine, or the platform does not tell.
    """
    admin = process_of(backend, its)
    try:
        children = _children(_parent(admin))
        _pss(admin)
        children.read_text()
    except (OSError, KeyError) as error:
        raise DisturbedError(f"the memory of the server's processes cannot be read: {error}") from None
    title = f" {database} ".encode()
    return lambda: sum(_pss(one, gone=0) for one in _serving(children, title))


def waiting(backend: int, database: str) -> Callable[[], float]:
    """The seconds that this thread and a backend have waited for a processor that others had, read anew with each call;
    of what cannot be read (another machine's, another platform's) none. See ``Documentation/scheduler/sched-stats``
    of Linux: the second figure of ``schedstat``, in nanoseconds."""
    found = [_PROC / "thread-self" / "schedstat"]
    with suppress(DisturbedError):
        found.append(_PROC / str(process_of(backend, database)) / "schedstat")
    files = [file for path in found if (file := _opened(path)) is not None]
    return lambda: sum(_run_delay(file) for file in files)


def process_of(backend: int, database: str) -> int:
    """Which process of this machine a backend is: itself, or one in a container that has this number there.

    Raises:
        DisturbedError: none that can be seen, or the platform does not tell.
    """
    if sys.platform != "linux":
        raise DisturbedError(f"what the server's processes use is read on Linux, not on {sys.platform}")
    title = f" {database} ".encode()
    if _serves(_title(backend), title):
        return backend
    for pid in (int(folder.name) for folder in _PROC.iterdir() if folder.name.isdigit()):
        if _serves(_title(pid), title) and _inner(pid) == backend:
            return pid
    raise DisturbedError("the server's processes are not processes of this machine that can be seen")


def _opened(path: Path) -> BinaryIO | None:
    """A file of the kernel's that gives its text of now at each reading from its beginning."""
    try:
        file = path.open("rb", buffering=0)
        file.read()
    except OSError:
        return None
    return file


def _run_delay(file: BinaryIO) -> float:
    try:
        file.seek(0)
        return int(file.read().split()[1]) / 1e9
    except OSError:  # the backend has gone: the execution says so itself
        return 0.0


def _inner(pid: int) -> int | None:
    """Its number in the innermost namespace of processes."""
    try:
        found = _INNER.search((_PROC / str(pid) / "status").read_bytes())
    except OSError:
        return None
    return int(found[1]) if found else None


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
