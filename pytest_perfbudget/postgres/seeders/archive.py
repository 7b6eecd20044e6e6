"""Dumps of pg_dump in its custom, directory and tar formats."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from pytest_perfbudget.errors import At, SeedError
from pytest_perfbudget.postgres.binaries import find_wheel
from pytest_perfbudget.postgres.seed_sql import run_script
from pytest_perfbudget.postgres.seeders.step import Entry, Project, Target, read_file

_CUSTOM, _TOC = b"PGDMP", "toc.dat"
_ENTRY = re.compile(rb"^-- (?:Data for )?Name: (.*?); Type: (.*?); Schema: (.*?); Owner:", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Archive:
    """Turned into SQL by ``pg_restore`` and then run as any other script. Owners and privileges are left out: the
    roles they name belong to the server the dump came from."""

    path: Path
    note: str = ""

    @property
    def name(self) -> str:
        return str(self.path)

    def contents(self) -> bytes:
        """Raises SeedError: a file cannot be read."""
        if not self.path.is_dir():
            return read_file(self.path)
        files = sorted(path for path in self.path.iterdir() if path.is_file())
        return b"\0".join(part for path in files for part in (path.name.encode(), read_file(path)))

    def run(self, target: Target) -> None:
        """Raises SeedError naming the object of the dump that failed."""
        script = self._script()
        try:
            run_script(target.connection, self.path, script, target.advance)
        except SeedError as error:
            line = error.at.line if error.at else 0
            remedy = "\n".join(filter(None, [_object(script, line), error.remedy]))
            raise SeedError(error.what, at=At(str(self.path)), remedy=remedy) from None

    def _script(self) -> bytes:
        program = pg_restore()
        if program is None:
            raise SeedError(
                f"the seed {self.path} needs pg_restore, and there is none",
                remedy="pip install 'pytest-perfbudget[embedded]', or put pg_restore on PATH",
            )
        command = [program, "--no-owner", "--no-privileges", "--file=-", str(self.path)]
        environment = {**os.environ, "LC_ALL": "C"}
        done = subprocess.run(command, env=environment, check=False, capture_output=True, stdin=subprocess.DEVNULL)
        if done.returncode:
            words = done.stderr.decode(errors="replace").strip() or f"pg_restore ended with {done.returncode}"
            raise SeedError(f"the seed {self.path} cannot be read by {program}", remedy=words)
        return done.stdout


class Archives:
    """Texts that name a dump: by what the file is, not by how it is called."""

    name = "pg_dump"

    def step(self, entry: Entry, project: Project) -> Archive | None:
        return Archive(project.root / entry) if isinstance(entry, str) and _is_dump(project.root / entry) else None


def _is_dump(path: Path) -> bool:
    if path.is_dir():
        return (path / _TOC).is_file()
    try:
        with path.open("rb") as file:
            head = file.read(len(_TOC) + 1)
    except (OSError, ValueError):
        return False
    return head.startswith(_CUSTOM) or head == _TOC.encode() + b"\0"


def pg_restore() -> str | None:
    """The program of the embedded wheel, else that on PATH."""
    wheel = find_wheel()
    inside = wheel.folder / "pginstall" / "bin" / "pg_restore" if wheel else None
    return str(inside) if inside and os.access(inside, os.X_OK) else shutil.which("pg_restore")


def _object(script: bytes, line: int) -> str:
    """The object whose part of the script the line is in."""
    end = re.compile(rb"(?:[^\n]*\n){%d}" % line).match(script)
    found = list(_ENTRY.finditer(script, 0, end.end() if end else len(script)))
    if not found:
        return ""
    name, kind, schema = (part.decode(errors="replace") for part in found[-1].groups())
    return f"{kind} {name}" if schema == "-" else f"{kind} {schema}.{name}"
