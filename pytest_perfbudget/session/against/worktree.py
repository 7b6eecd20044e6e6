"""The reference's files: a git worktree in a temporary folder, there only while its tests run."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pytest_perfbudget.baselines.checkout import commit_of, git, said, toplevel
from pytest_perfbudget.errors import SettingsError
from pytest_perfbudget.processes import locks

OPTION = "--perf-against"
_PREFIX, _LOCK = "perfbudget-against-", "alive"
_NO_HOOKS = ("-c", "core.hooksPath=/dev/null")


@dataclass(frozen=True, slots=True)
class Commit:
    """What ``ref`` names in the checkout ``top``; ``id`` is in full."""

    ref: str
    id: str
    top: Path

    @classmethod
    def of(cls, root: Path, ref: str) -> Commit:
        """
        Raises:
            SettingsError: not a git checkout, or git does not know the ref.
        """
        top = toplevel(root, OPTION, ref)
        return cls(ref, commit_of(top, OPTION, ref), top)

    def __str__(self) -> str:
        return self.ref if self.id.startswith(self.ref) else f"{self.ref} ({self.id[:10]})"


@dataclass(frozen=True, slots=True)
class Tree:
    """A checkout of another commit beside ``top``."""

    top: Path
    folder: Path

    def mapped(self, path: Path) -> Path | None:
        """Where ``path`` of the working tree is in this one; None for what is not beneath the checkout."""
        resolved = path.resolve()
        return self.folder / resolved.relative_to(self.top) if resolved.is_relative_to(self.top) else None


@contextmanager
def checked_out(commit: Commit) -> Iterator[Tree]:
    """The files of the commit, removed afterwards; what a killed run has left is removed now. No hook of the repository
    runs.

    Raises:
        SettingsError: git cannot check it out.
    """
    _sweep(commit.top)
    place = Path(tempfile.mkdtemp(prefix=_PREFIX)).resolve()
    folder = place / "tree"
    held = locks.try_lock(place / _LOCK)
    try:
        done = git(commit.top, *_NO_HOOKS, "worktree", "add", "--quiet", "--detach", str(folder), commit.id)
        if done.returncode:
            raise SettingsError(f"{OPTION}={commit.ref} cannot be checked out: {said(done)}")
        yield Tree(commit.top, folder)
    finally:
        _remove(commit.top, place)
        if held is not None:
            os.close(held)


def _remove(top: Path, place: Path) -> None:
    """Nothing is pruned: git would forget worktrees of the user's on a disk that is not there now."""
    git(top, "worktree", "remove", "--force", "--force", str(place / "tree"))
    shutil.rmtree(place, ignore_errors=True)


def _sweep(top: Path) -> None:
    """Worktrees of ours whose run holds their lock no more, and those whose folder somebody has cleaned away."""
    listed = git(top, "worktree", "list", "--porcelain").stdout.decode(errors="replace").splitlines()
    for place in (Path(line.removeprefix("worktree ")).parent for line in listed if line.startswith("worktree ")):
        if not place.name.startswith(_PREFIX):
            continue
        if not place.exists():
            _remove(top, place)
        elif (place / _LOCK).exists() and (held := locks.try_lock(place / _LOCK)) is not None:
            _remove(top, place)
            os.close(held)
