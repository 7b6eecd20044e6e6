"""Recorded runs on disk: a file each in the folder of ``timings``, which CI keeps between runs. Nothing commits it.

A file is complete or it is not there, and no file is written twice: runs at the same time do not meet.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from pytest_perfbudget.baselines.record import QueryRecord
from pytest_perfbudget.errors import At, BaselineError
from pytest_perfbudget.measure.calibration import REFERENCES
from pytest_perfbudget.model import Environment

FORMAT = 1
KEPT = 100
"""The newest files that stay: twenty runs count, on several classes of CPU and for each job of a matrix."""

_IGNORED = "# Made by pytest-perfbudget; kept by CI, never committed.\n*\n"


@dataclass(frozen=True, slots=True)
class Timed:
    """A statement and its figure; ``site`` is ``file:function``, as in baselines."""

    id: str
    figure: float
    rounds: int
    case: str | None = None
    site: str | None = None

    def record(self) -> QueryRecord:
        """For pairing with the statements of today."""
        return QueryRecord(self.id, "", (), 0.0, self.case, self.site)


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """What a run of the default branch left. ``at`` is ISO 8601; ``conditions`` are those of :func:`conditions`;
    ``machine`` is the class of CPU; ``by`` the evidence that it may record."""

    at: str
    id: str
    commit: str
    conditions: str
    machine: str
    by: str
    tests: dict[str, tuple[Timed, ...]]
    format: int = FORMAT


def conditions(environment: Environment) -> str:
    """What two runs must share for their figures to be compared: server, profile, and the reference queries."""
    references = hashlib.sha256("\n".join(REFERENCES).encode()).hexdigest()[:8]
    return (
        f"PostgreSQL {environment.major} {environment.server}, {environment.profile}, "
        f"{environment.locale}, references {references}"
    )


class Runs:
    """Those beneath ``folder``; errors show paths relative to ``root``."""

    def __init__(self, folder: Path, root: Path) -> None:
        self.folder, self._root = folder, root

    @property
    def name(self) -> str:
        """The folder as it is shown."""
        return self._name(self.folder)

    def read(self) -> tuple[RecordedRun, ...]:
        """Oldest first; none where the folder is not there.

        Raises:
            BaselineError: a file cannot be read or understood.
        """
        return tuple(self._run(path) for path in self._files())

    def append(self, run: RecordedRun) -> Path:
        """Write a file for the run, and let go the oldest of too many.

        Raises:
            BaselineError: it could not be written.
        """
        stamp = datetime.fromisoformat(run.at).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        path = self.folder / f"{stamp}-{run.id[:8]}.json"
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if not (ignore := self.folder / ".gitignore").exists():
                ignore.write_text(_IGNORED)
            temporary.write_bytes(msgspec.json.format(msgspec.json.encode(run), indent=1) + b"\n")
            temporary.replace(path)
            for old in self._files()[:-KEPT]:
                old.unlink(missing_ok=True)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise BaselineError(f"cannot be written: {error.strerror}", at=At(self._name(path))) from error
        return path

    def _files(self) -> Sequence[Path]:
        """Their names begin with their time."""
        return sorted(path for path in self.folder.glob("*.json") if not path.name.startswith("."))

    def _run(self, path: Path) -> RecordedRun:
        try:
            run = msgspec.json.decode(path.read_bytes(), type=RecordedRun)
        except OSError as error:
            raise BaselineError(f"cannot be read: {error.strerror}", at=At(self._name(path))) from error
        except msgspec.MsgspecError as error:
            remedy = "delete it: it holds the figures of one run"
            raise BaselineError(f"is no recorded run: {error}", at=At(self._name(path)), remedy=remedy) from error
        if run.format != FORMAT:
            words = f"is of format {run.format}, this version reads {FORMAT}"
            raise BaselineError(words, at=At(self._name(path)), remedy="delete it, or use the version that wrote it")
        return run

    def _name(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix() if path.is_relative_to(self._root) else str(path)
