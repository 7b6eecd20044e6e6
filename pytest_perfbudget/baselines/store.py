"""Baselines on disk: ``<folder>/pg<major>/<budget>.json``. The only file of this floor that writes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote, unquote

from pytest_perfbudget.baselines.document import dump, parse
from pytest_perfbudget.baselines.record import Baseline
from pytest_perfbudget.errors import At, BaselineError

_SAFE = " @+=,()[]"
"""Characters of a budget's name that any file system takes, besides letters, digits and ``_.-~``."""


class Store:
    """The baselines beneath ``folder``; errors show paths relative to ``root``."""

    def __init__(self, folder: Path, root: Path) -> None:
        self.folder, self.root = folder, root

    def path(self, major: int, budget: str) -> Path:
        """Where a budget's baseline is or would be."""
        return self.folder / f"pg{major}" / f"{quote(budget, safe=_SAFE)}.json"

    def load(self, major: int, budget: str) -> Baseline | None:
        """None where nothing is recorded.

        Raises:
            BaselineError: the file cannot be read or understood.
        """
        path = self.path(major, budget)
        name = self._name(path)
        try:
            text = path.read_bytes().decode()
        except FileNotFoundError:
            return None
        except UnicodeDecodeError as error:
            raise BaselineError(f"not UTF-8: {error.reason} at byte {error.start}", at=At(name)) from error
        except OSError as error:
            raise self._unreadable(path, error) from error
        return parse(text, name, budget)

    def load_all(self, major: int) -> dict[str, Baseline]:
        """Every baseline of a major, by its budget.

        Raises:
            BaselineError: the folder or one of the files cannot be read.
        """
        names = [unquote(path.name.removesuffix(".json")) for path in self._files(self.folder / f"pg{major}")]
        loaded = {name: self.load(major, name) for name in names}
        return {name: baseline for name, baseline in loaded.items() if baseline}

    def majors_recorded(self, budget: str) -> tuple[int, ...]:
        """The majors that have a baseline of this budget, ascending."""
        names = [folder.name for folder in self._listed(self.folder)]
        majors = sorted(int(name[2:]) for name in names if name.startswith("pg") and name[2:].isdecimal())
        return tuple(major for major in majors if self.path(major, budget).is_file())

    def write(self, baselines: Iterable[Baseline]) -> tuple[Path, ...]:
        """All of them or, where the disk does not let us, none: every new file is complete on disk before the first
        old one is replaced. Returns the files whose bytes changed.

        Raises:
            BaselineError: a file could not be written; it says which.
        """
        texts = {self.path(one.environment.major, one.budget): dump(one).encode() for one in baselines}
        changed = {path: text for path, text in texts.items() if _bytes(path) != text}
        folders = [folder for path in changed for folder in _missing(path.parent)]
        temporary = {path: path.with_name(f".{path.name}.{os.getpid()}.tmp") for path in changed}
        path = self.folder
        replaced: list[Path] = []
        try:
            for path in changed:
                path.parent.mkdir(parents=True, exist_ok=True)
                _write_through(temporary[path], changed[path])
            for path in changed:
                temporary[path].replace(path)
                replaced.append(path)
        except OSError as error:
            raise self._unwritten(path, error, replaced) from error
        finally:
            _clean(temporary.values(), folders)
        return tuple(changed)

    def delete(self, major: int, budget: str) -> None:
        """Remove a baseline; no error where there is none.

        Raises:
            BaselineError: it is there and cannot be removed.
        """
        path = self.path(major, budget)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise BaselineError(f"cannot be deleted: {error.strerror}", at=At(self._name(path))) from error

    def _files(self, folder: Path) -> list[Path]:
        return [path for path in self._listed(folder) if path.suffix == ".json" and not path.name.startswith(".")]

    def _listed(self, folder: Path) -> list[Path]:
        try:
            return sorted(folder.iterdir())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._unreadable(folder, error) from error

    def _unreadable(self, path: Path, error: OSError) -> BaselineError:
        return BaselineError(
            f"cannot be read: {error.strerror}",
            at=At(self._name(path)),
            remedy=f"baselines are files {self._name(self.folder)}/pg<major>/<budget>.json that this user can read",
        )

    def _unwritten(self, path: Path, error: OSError, replaced: list[Path]) -> BaselineError:
        done = ", ".join(self._name(one) for one in replaced)
        kept = f"recorded before that: {done}" if done else "nothing was recorded; every file is as it was"
        return BaselineError(f"cannot be written: {error.strerror}", at=At(self._name(path)), remedy=kept)

    def _name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _missing(folder: Path) -> list[Path]:
    """The folders that have to be made, deepest first."""
    return [one for one in (folder, *folder.parents) if not one.exists()]


def _write_through(path: Path, text: bytes) -> None:
    with path.open("wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _clean(temporary: Iterable[Path], folders: Iterable[Path]) -> None:
    """Take away what a failure left: unfinished files, then folders made for them that stayed empty."""
    for path in temporary:
        with contextlib.suppress(OSError):
            path.unlink()
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()
