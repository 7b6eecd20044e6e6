"""The server whose programs are installed on this machine: a distribution's, or those a setting names."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pytest_perfbudget.postgres.server import Refusal, Request, Server, windows
from pytest_perfbudget.processes.unprivileged import ServerUser, server_user

_PLACES = (
    "usr/lib/postgresql/*/bin",  # Debian, Ubuntu
    "usr/pgsql-*/bin",  # the PGDG packages of Red Hat's family
    "usr/libexec/postgresql*",  # Alpine
    "opt/homebrew/opt/postgresql@*/bin",
    "usr/local/opt/postgresql@*/bin",
    "Applications/Postgres.app/Contents/Versions/*/bin",
    "Library/PostgreSQL/*/bin",
)
_VERSION = re.compile(r"postgres \(PostgreSQL\) ((\d+)\S*)")
_NEEDED = ("postgres", "initdb")


@dataclass(frozen=True, slots=True)
class Installed:
    """The programs in one folder; ``version`` is told apart by folder too, as builds of one release differ."""

    folder: Path
    release: str
    major: int

    @property
    def version(self) -> str:
        return f"{self.release}-{hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:6]}"

    def bin_folder(self, home: Path, user: ServerUser) -> Path:
        """Where they are."""
        return self.folder


class Local:
    """``postgres`` and ``initdb`` of the folders that ``local`` names, of PATH, or of the usual places."""

    name = "local"

    def refusal(self, request: Request) -> Refusal | None:
        """Not on Windows, not where the major is not installed or its programs may not be executed."""
        if sys.platform == "win32":
            return windows(self.name)
        found = list(installed(request.local))
        fitting = [one for one in found if request.major in (None, one.major)]
        if not fitting:
            majors = ", ".join(str(major) for major in sorted({one.major for one in found}))
            there = f"found PostgreSQL {majors}" if majors else "no postgres with initdb found"
            return Refusal(
                f"{there} in {_looked(request.local)}",
                'install it, or name the folder of its programs: local = ["/path/to/bin"] in [tool.perfbudget]',
            )
        user = server_user()
        if not any(_executable(one.folder, user) for one in fitting):
            return Refusal(f"{fitting[0].folder} cannot be reached by {user.name}, whom the server runs as")
        return None

    def start(self, request: Request) -> Server:
        """The running server of this run: the one that is there, else a new one."""
        from pytest_perfbudget.postgres import programs

        user = server_user()
        fitting = (one for one in installed(request.local) if request.major in (None, one.major))
        return programs.start(self.name, next(one for one in fitting if _executable(one.folder, user)), request)


def installed(named: Sequence[str]) -> Iterator[Installed]:
    """The programs of the folders ``named``, of PATH and of the usual places, in the order they are preferred, each
    folder once."""
    seen = set()
    for folder in [*map(Path, named), *_on_path(), *_usual()]:
        real = folder.resolve()
        if real not in seen and all(os.access(real / program, os.X_OK) for program in _NEEDED):
            seen.add(real)
            if version := _version(real):
                yield Installed(real, *version)


def _on_path() -> list[Path]:
    return [Path(entry) for entry in os.environ.get("PATH", "").split(os.pathsep) if entry]


def _usual() -> list[Path]:
    return [place for pattern in _PLACES for place in sorted(Path("/").glob(pattern), reverse=True)]


@cache
def _version(folder: Path) -> tuple[str, int] | None:
    """What ``postgres --version`` says: the release and its major."""
    try:
        said = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return None
    found = _VERSION.match(said)
    return (found[1], int(found[2])) if found else None


def _executable(folder: Path, user: ServerUser) -> bool:
    return user.reaches(folder) and all((folder / program).stat().st_mode & 0o001 or not user.switches
                                        for program in _NEEDED)  # fmt: skip


def _looked(named: Sequence[str]) -> str:
    return ", ".join([*named, "PATH", "the usual folders"])
