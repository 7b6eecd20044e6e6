"""Any program: Alembic, Django's migrate, a script."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from pytest_perfbudget.errors import At, SeedError
from pytest_perfbudget.postgres import conninfo
from pytest_perfbudget.postgres.seeders.step import SCALE_VARIABLE, Entry, Project, Target, fields, read_file

_KEYS = {"run": str, "files": list}
_LINES = 12  # of output in the error
_LIBPQ = {
    "host": "PGHOST", "hostaddr": "PGHOSTADDR", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD",
    "dbname": "PGDATABASE", "passfile": "PGPASSFILE", "service": "PGSERVICE", "options": "PGOPTIONS",
    "sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT", "sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY",
    "connect_timeout": "PGCONNECT_TIMEOUT", "channel_binding": "PGCHANNELBINDING",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Command:
    """``{ run = "alembic upgrade head", files = ["migrations/**/*.py"] }``: a line for the shell, run in the project's
    root. Its contents are the line and the files declared: of anything else it reads nothing is known."""

    line: str
    files: tuple[str, ...]
    project: Project

    @property
    def name(self) -> str:
        return self.line

    @property
    def note(self) -> str:
        if self.files:
            return ""
        return f"the seed step `{self.line}` declares no files: only its own text decides whether it is run again"

    def contents(self) -> bytes:
        """Raises SeedError: a pattern matches no file, or a file cannot be read."""
        parts = [self.line.encode()]
        for pattern in self.files:
            found = self._matching(pattern)
            if not found:
                raise SeedError(
                    f"the seed step `{self.line}` declares {pattern or 'an empty pattern'}, and there is no such file",
                    remedy="files are patterns relative to the project's root, such as migrations/**/*.py",
                )
            for path in found:
                contents = read_file(path)
                head = f"{path.relative_to(self.project.root).as_posix()} {len(contents)}"
                parts += [head.encode(), contents]
        return b"\0".join(parts)

    def _matching(self, pattern: str) -> list[Path]:
        """None for a pattern that is absolute or empty, at which ``glob`` raises."""
        with contextlib.suppress(NotImplementedError, ValueError):
            return sorted(path for path in self.project.root.glob(pattern) if path.is_file())
        return []

    @property
    def takes_scale(self) -> bool:
        """Whether the line or a file that it declares speaks of the variable."""
        return SCALE_VARIABLE.encode() in self.contents()

    def run(self, target: Target) -> None:
        """Raises SeedError with the exit code and the last lines of the output."""
        params = conninfo.parse(target.dsn)
        environment = self._environment(target, params)
        with tempfile.TemporaryFile() as output:
            code = _run(self.line, str(self.project.root), environment, output)
            if code == 0:
                return
            output.seek(0)
            lines = output.read().decode(errors="replace").rstrip().splitlines()[-_LINES:]
        how = f"exit code {code}" if code > 0 else f"killed by {signal.Signals(-code).name}"
        shown = conninfo.redact("\n".join(lines), params) or "it printed nothing"
        raise SeedError(f"the seed step `{self.line}` failed: {how}", at=At(str(self.project.root)), remedy=shown)

    def _environment(self, target: Target, params: Mapping[str, str]) -> dict[str, str]:
        """Ours, but with the database being built in every variable that could name another one, and its scale."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("PG", SCALE_VARIABLE))}
        libpq = {_LIBPQ[key]: value for key, value in params.items() if key in _LIBPQ}
        scale = {SCALE_VARIABLE: str(target.scale)} if target.scale else {}
        return {**ours, **libpq, **scale, **dict.fromkeys(("DATABASE_URL", *self.project.variables), target.dsn)}


class Commands:
    """Tables with the key ``run``."""

    name = "run"

    def step(self, entry: Entry, project: Project) -> Command | None:
        found: dict[str, Any] | None = fields(entry, "run", _KEYS)
        return Command(found["run"], tuple(found.get("files", ())), project) if found else None


def _run(line: str, folder: str, environment: Mapping[str, str], output: IO[bytes]) -> int:
    """The exit code of the shell; whatever it left running is ended, and all of it if we are interrupted."""
    shell = shutil.which("sh") or "/bin/sh"
    process = subprocess.Popen(
        [shell, "-c", line], cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=output,
        stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    with _ended(process):
        return process.wait()


@contextlib.contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
