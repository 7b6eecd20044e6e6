"""The folder of one run: socket, lifeline, log. Its place follows from the run's id alone, so that the address of
a server of ours is known before it is started."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import stat
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from pytest_perfbudget.errors import ServerError
from pytest_perfbudget.processes import locks
from pytest_perfbudget.processes.unprivileged import ServerUser

_PREFIX = "perfbudget-"
_SOCKET_PATH = 103 if sys.platform == "darwin" else 107  # bytes in sockaddr_un.sun_path, without its end
_ABANDONED = 60.0  # seconds
ROOM = "-q"
"""The kind of the folder with the locks by which processes of a run wait for each other."""
_POSTGRES = re.compile(f"({re.escape(_PREFIX)}\\w{{12}})(?:-c)?", re.ASCII)
_OURS = re.compile(re.escape(_PREFIX) + r"\w{12}(-[a-z]{1,2})?", re.ASCII)  # by ``plan``; a run's id is longer than 12


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Its sockets are in it; with a ``port`` the server listens on that one at 127.0.0.1 instead."""

    path: Path
    port: int | None = None

    @property
    def lock(self) -> Path:
        """Held by whoever attaches to the server or starts it."""
        return self.path / "lock"

    @property
    def alive(self) -> Path:
        """Held by the supervisor and the server's processes themselves."""
        return self.path / "alive"

    @property
    def users(self) -> Path:
        """Shared by all processes of the run that use the server."""
        return self.path / "users"

    @property
    def lifeline(self) -> Path:
        """The FIFO whose writers are the processes of the run, and whose reader is the supervisor."""
        return self.path / "lifeline"

    @property
    def room(self) -> Path | None:
        """Where the run's processes wait for each other, if this is PostgreSQL's folder: it goes with that, as workers
        of a controller that was killed end without a word."""
        found = _POSTGRES.fullmatch(self.path.name)
        return self.path.with_name(f"{found[1]}{ROOM}") if found else None

    @property
    def log(self) -> Path:
        return self.path / "server.log"

    @property
    def address(self) -> Path:
        """Of a server that is not told where to listen: written once it is known."""
        return self.path / "address"


def plan(run: str, user: ServerUser, socket: str, kind: str = "") -> RunFolder:
    """Where the run's folder will be: in the temporary folder or /tmp, where the path of ``socket`` in it is short
    enough; else anywhere, and with a port. ``kind`` tells apart what one run has several of: empty,
    or a hyphen and one or two letters.

    Raises:
        ServerError: no temporary folder can be used.
    """
    name = _PREFIX + "".join(c if c.isalnum() and c.isascii() else "_" for c in run)[:12] + kind
    places = [Path(tempfile.gettempdir()), Path("/tmp")]  # noqa: S108  the folder's owner is checked
    usable = [place for place in places if os.access(place, os.W_OK | os.X_OK) and user.reaches(place)]
    for place in usable:
        if len(os.fsencode(place / name / socket)) <= _SOCKET_PATH:
            return RunFolder(place / name)
    if not usable:
        raise ServerError(f"no temporary folder can be used by {user.name}", remedy="set TMPDIR to one that can")
    port = 21000 + int(hashlib.sha256(f"{run}{kind}".encode()).hexdigest(), 16) % 10000
    return RunFolder(usable[0] / name, port)


def make(folder: RunFolder, user: ServerUser) -> None:
    """Make the folder, for ourselves and the server's user alone.

    Raises:
        ServerError: a folder of this name belongs to somebody else.
    """
    with contextlib.suppress(FileExistsError):
        folder.path.mkdir(mode=0o700)
        user.own(folder.path)
    with contextlib.suppress(FileNotFoundError):
        found = folder.path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (os.getuid(), user.uid):
            raise ServerError(f"{folder.path} belongs to somebody else", remedy="set TMPDIR to a folder of your own")


def sweep(beside: RunFolder, user: ServerUser) -> None:
    """Remove what killed supervisors left: folders of ours that neither a server nor a starter holds."""
    named = (path for path in beside.path.parent.glob(f"{_PREFIX}*") if _OURS.fullmatch(path.name))
    for path in named:
        with contextlib.suppress(OSError):
            folder, found = RunFolder(path), path.lstat()
            if path == beside.path or not stat.S_ISDIR(found.st_mode) or found.st_uid != user.uid:
                continue
            if not folder.alive.exists() and time.time() - found.st_mtime < _ABANDONED:
                continue  # a run that is just beginning
            _remove_if_free(folder)


def _remove_if_free(folder: RunFolder) -> None:
    held = [locks.try_lock(path) for path in (folder.lock, folder.alive) if path.exists()]
    if None not in held:
        shutil.rmtree(folder.path, ignore_errors=True)
    for fd in held:
        if fd is not None:
            os.close(fd)
