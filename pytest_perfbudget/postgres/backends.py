"""What the operating system says of a local server's processes: CPU time, waiting and memory. On Linux.

A backend is found by the process id the server gives it, which may be that inside of a container. Which process of this
machine that is, if any, its title tells: it names the database, and those of a run have names of their own.
"""

from __future__ import annotations

import ctypes
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from pytest_perfbudget.errors import DisturbedError
from pytest_perfbudget.model.resources import Scheduled

_PROC = Path("/proc")
_WORKER = re.compile(rb"parallel worker for PID (\d+)")
_READS = re.compile(rb"\bio worker \d+")
_INNER = re.compile(rb"^NSpid:.*\s(\d+)$", re.MULTILINE)
_PSS = re.compile(r"^(Pss|Pss_Shmem):\s+(\d+) kB$", re.MULTILINE)


def cpu_clock(backend: int, database: str) -> Callable[[], float]:
    """The seconds of CPU time that a backend has had, read anew with each call.

    Raises:
        DisturbedError: it is no process of this machine, or the platform does not tell.
    """
    clock = _clock(process_of(backend, database))
    if clock is None:
        raise DisturbedError("the CPU time of its process cannot be read")
    return lambda: time.clock_gettime(clock)


def server_time(backend: int, its: str, database: str) -> Callable[[], float]:
    """The seconds of CPU time that a server has had for ``database``: its backends, their parallel workers, and the
    processes that read files for all (18). ``backend`` is any of the server's, in the database ``its``. Processes that
    ended count whoever they served, as nobody tells them apart any more; most are parallel workers.

    Raises:
        DisturbedError: they are no processes of this machine, or the platform does not tell.
    """
    backend = process_of(backend, its)
    try:
        parent = _parent(backend)
        children = _children(parent)
        _ended(parent), children.read_text()
    except OSError as error:
        raise DisturbedError(f"the CPU time of the server's processes cannot be read: {error}") from None
    title = f" {database} ".encode()
    return lambda: _ended(parent) + sum(map(_cpu_time, _serving(children, title, _READS)))


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


@contextmanager
def scheduled(backend: int, database: str) -> Iterator[Callable[[], Scheduled]]:
    """What this thread and a backend have had of the processors, read anew with each call; nothing where either cannot
    be read (another machine's, another platform's), as the one may have waited for the other. The first two figures of
    Linux' ``schedstat``, in nanoseconds (``Documentation/scheduler/sched-stats``)."""
    both = [_PROC / "thread-self" / "schedstat"]
    with suppress(DisturbedError):
        both.append(_PROC / str(process_of(backend, database)) / "schedstat")
    with ExitStack() as opened:
        files = [opened.enter_context(file) for path in both if (file := _opened(path)) is not None]

        def read() -> Scheduled:
            ours, its = map(_schedstat, files)
            return Scheduled(ran=ours[0] + its[0], waited=ours[1] + its[1])

        yield read if len(both) == len(files) > 1 else Scheduled


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
        path.read_bytes()
        return path.open("rb", buffering=0)
    except OSError:
        return None


def _schedstat(file: BinaryIO) -> tuple[float, float]:
    """Seconds run and seconds waited."""
    try:
        file.seek(0)
        ran, waited = file.read().split()[:2]
    except OSError:  # the backend has gone: the execution says so itself
        return 0.0, 0.0
    return int(ran) / 1e9, int(waited) / 1e9


def _inner(pid: int) -> int | None:
    """Its number in the innermost namespace of processes."""
    try:
        found = _INNER.search((_PROC / str(pid) / "status").read_bytes())
    except OSError:
        return None
    return int(found[1]) if found else None


def _serving(children: Path, title: bytes, besides: re.Pattern[bytes] | None = None) -> Iterator[int]:
    """The backends of a database, the parallel workers of those, and what ``besides`` is found in the title of."""
    titles = {int(word): _title(int(word)) for word in children.read_text().split()}
    for pid, text in titles.items():
        worker = _WORKER.search(text)
        leader = titles.get(int(worker[1]), b"") if worker else text
        if _serves(leader, title) or (besides and besides.search(text)):
            yield pid


def _serves(text: bytes, title: bytes) -> bool:
    return text.startswith(b"postgres:") and title in text


def _title(pid: int) -> bytes:
    """The title of a process; empty where it is gone."""
    try:
        return (_PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return b""


def _clock(pid: int) -> int | None:
    """The number of the clock of its CPU time; None where there is none to be had."""
    found = ctypes.c_int()
    return None if ctypes.CDLL(None).clock_getcpuclockid(pid, ctypes.byref(found)) else found.value


def _cpu_time(pid: int) -> float:
    """Seconds; none of a process that is gone."""
    clock = _clock(pid)
    try:
        return time.clock_gettime(clock) if clock is not None else 0.0
    except OSError:
        return 0.0


def _stat(pid: int) -> list[str]:
    """The fields of ``stat`` after the name, see ``proc_pid_stat(5)``: the first is field 3."""
    return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()


def _parent(pid: int) -> int:
    return int(_stat(pid)[1])


def _ended(pid: int) -> float:
    """Seconds of CPU time of its children that have ended."""
    fields = _stat(pid)
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


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
