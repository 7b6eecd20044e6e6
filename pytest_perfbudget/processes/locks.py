"""Advisory locks on files; the kernel frees them when the last process that holds the descriptor is gone."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path


def try_lock(path: Path) -> int | None:
    """The descriptor that holds the exclusive lock on ``path`` (made if absent), None if somebody else does."""
    return _locked(path)


def lock(path: Path, seconds: float) -> int | None:
    """Like :func:`try_lock`, but waits up to ``seconds``."""
    deadline = time.monotonic() + seconds
    while (held := _locked(path)) is None and time.monotonic() < deadline:
        time.sleep(0.005)
    return held


def await_release(fd: int, seconds: float) -> bool:
    """Wait until nobody else holds the lock of an open file; False if it takes longer than ``seconds``."""
    deadline = time.monotonic() + seconds
    while not (free := alone(fd)) and time.monotonic() < deadline:
        time.sleep(0.005)
    return free


def share(path: Path) -> int:
    """The descriptor of a shared lock on ``path``; blocks while somebody holds it exclusively."""
    fd = opened(path)
    shared(fd)
    return fd


def opened(path: Path) -> int:
    """The descriptor of a file to be locked (made if absent)."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def shared(fd: int) -> None:
    """Share the lock of an open file; blocks while somebody holds it exclusively."""
    fcntl.flock(fd, fcntl.LOCK_SH)


def released(fd: int) -> None:
    """Hold the lock of an open file no longer, whoever inherited the descriptor."""
    fcntl.flock(fd, fcntl.LOCK_UN)


def alone(fd: int) -> bool:
    """Whether nobody else shares the lock of ``fd``; if so it is exclusive from now on."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def still_named(fd: int, path: Path) -> bool:
    """Whether ``path`` is still the file that was locked, not one made since in its place."""
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except FileNotFoundError:
        return False


def _locked(path: Path) -> int | None:
    fd = opened(path)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return fd
