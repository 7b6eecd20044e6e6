"""Whom PostgreSQL runs as: ourselves, or, as it refuses to be root, a user that exists and may do nothing."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_perfbudget.errors import ServerError


@dataclass(frozen=True, slots=True)
class ServerUser:
    """``switches`` is true when we are root and the server's processes are started as somebody else."""

    name: str
    uid: int
    gid: int
    switches: bool = False

    def popen(self) -> dict[str, Any]:
        """The arguments of subprocess that start a program as this user."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.switches else {}

    def own(self, path: Path) -> None:
        """Hand a file or folder of ours over."""
        if self.switches:
            os.chown(path, self.uid, self.gid)

    def reaches(self, folder: Path) -> bool:
        """Whether every folder on the way can be passed through, as far as mode bits say."""
        return not self.switches or all(self._passes(part) for part in [folder, *folder.parents])

    def _passes(self, folder: Path) -> bool:
        found = folder.stat()
        mine, group = found.st_uid == self.uid, found.st_gid == self.gid
        return bool(found.st_mode & (0o100 if mine else 0o010 if group else 0o001))


def ourselves() -> ServerUser:
    """For programs that do not mind being root."""
    return ServerUser(str(os.getuid()), os.getuid(), os.getgid())


def server_user() -> ServerUser:
    """Ourselves; as root ``nobody``, or the first user of the machine that can be switched to.

    Raises:
        ServerError: we are root and may not become anybody else.
    """
    import pwd

    if os.getuid() != 0:
        return ourselves()
    for entry in _candidates(pwd.getpwall()):
        user = ServerUser(entry.pw_name, entry.pw_uid, entry.pw_gid, switches=True)
        if _usable(user):
            return user
    raise ServerError(
        "PostgreSQL refuses to run as root, and no other user of this machine can be switched to",
        remedy="run pytest as an ordinary user, or name a server: --perf-server=postgresql://user@host/database",
    )


def _candidates(entries: list[Any]) -> Iterator[Any]:
    first = ("nobody", "postgres", "daemon")
    known = {entry.pw_name: entry for entry in entries if entry.pw_uid != 0}
    yield from (known[name] for name in first if name in known)
    yield from (entry for name, entry in known.items() if name not in first)


def _usable(user: ServerUser) -> bool:
    try:
        done = subprocess.run(["/bin/sh", "-c", ":"], cwd="/", check=False, **user.popen())
    except (OSError, ValueError, subprocess.SubprocessError):
        return False
    return done.returncode == 0
