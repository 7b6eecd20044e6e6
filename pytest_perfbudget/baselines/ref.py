"""Budgets and baselines as of a git ref, and what the working tree's baselines allow beyond them."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pytest_perfbudget.baselines.loosened import loosened_baselines as loosened_baselines
from pytest_perfbudget.errors import SettingsError

_HOOK = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")
"""Set while a git hook runs; they would make git look elsewhere than in the project."""


@contextmanager
def at_ref(root: Path, folder: Path, ref: str) -> Iterator[Path]:
    """The folder (budgets with their baselines) as it is at ``ref``, in a temporary place; empty if it is not there.

    Raises:
        SettingsError: not a git checkout, or git does not know the ref.
    """
    top = _toplevel(root, ref)
    commit = _commit(top, ref)
    inside = _relative(folder if folder.is_absolute() else root / folder, top, ref)
    with tempfile.TemporaryDirectory(prefix="perfbudget-ref-") as place:
        copy = Path(place).resolve() / (folder.name or "budgets")
        copy.mkdir()
        # The subtree, not the commit with a path: then `export-ignore` of the project's attributes hides nothing.
        tree = f"{commit}:{'' if inside == '.' else inside}"
        if _git(top, "cat-file", "-e", tree).returncode == 0:
            archive = _git(top, "archive", "--format=tar", tree)
            if archive.returncode:
                raise SettingsError(f"{inside} at {ref} cannot be read: {_said(archive)}")
            _unpack(archive.stdout, copy, f"{inside} at {ref}")
        yield copy


def _unpack(archive: bytes, place: Path, name: str) -> None:
    try:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            if hasattr(tarfile, "data_filter"):
                tar.extractall(place, filter="data")
            else:  # Python before 3.11.4; what git archives has neither absolute nor parent paths
                tar.extractall(place)  # noqa: S202
    except tarfile.TarError as error:
        raise SettingsError(f"{name} cannot be unpacked: {error}") from error


def _toplevel(root: Path, ref: str) -> Path:
    found = _git(root, "rev-parse", "--show-toplevel")
    if found.returncode:
        raise SettingsError(
            f"--perf-baseline={ref} needs a git checkout: {_said(found)}",
            remedy="run pytest in the checkout, with its .git folder, or leave out --perf-baseline",
        )
    return Path(found.stdout.decode().strip()).resolve()


def _commit(top: Path, ref: str) -> str:
    found = _git(top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    if found.returncode:
        shallow = _git(top, "rev-parse", "--is-shallow-repository").stdout.strip() == b"true"
        depth = ["the clone is shallow: git fetch --unshallow (actions/checkout: fetch-depth: 0)"] if shallow else []
        known = _git(top, "for-each-ref", "--count=8", "--format=%(refname:short)").stdout.decode().split()
        raise SettingsError(
            f"--perf-baseline={ref}: git does not know this ref",
            remedy="\n".join([*depth, "git fetch origin, then name one of its refs", f"known: {', '.join(known)}"]),
        )
    return found.stdout.decode().strip()


def _relative(folder: Path, top: Path, ref: str) -> str:
    if not folder.resolve().is_relative_to(top):
        raise SettingsError(f"--perf-baseline={ref}: the budgets folder {folder} is outside the checkout {top}")
    return folder.resolve().relative_to(top).as_posix()


def _git(where: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    environment = {name: value for name, value in os.environ.items() if name not in _HOOK}
    try:
        return subprocess.run(["git", *words], cwd=where, env=environment, capture_output=True, check=False)
    except OSError as error:
        return subprocess.CompletedProcess(words, 127, b"", f"git: {error.strerror}".encode())


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    return lines[0].removeprefix("fatal: ") if lines else f"git exited with {done.returncode}"
