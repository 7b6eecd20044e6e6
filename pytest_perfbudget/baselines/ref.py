"""Budgets and baselines as of a git ref, and what the working tree's baselines allow beyond them."""

from __future__ import annotations

import io
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pytest_perfbudget.baselines.checkout import commit_of, git, said, toplevel
from pytest_perfbudget.baselines.loosened import loosened_baselines as loosened_baselines
from pytest_perfbudget.errors import SettingsError

OPTION = "--perf-baseline"


@contextmanager
def at_ref(root: Path, folder: Path, ref: str) -> Iterator[Path]:
    """The folder (budgets with their baselines) as it is at ``ref``, in a temporary place; empty if it is not there.

    Raises:
        SettingsError: not a git checkout, or git does not know the ref.
    """
    top = toplevel(root, OPTION, ref)
    commit = commit_of(top, OPTION, ref)
    inside = _relative(folder if folder.is_absolute() else root / folder, top, ref)
    with tempfile.TemporaryDirectory(prefix="perfbudget-ref-") as place:
        copy = Path(place).resolve() / (folder.name or "budgets")
        copy.mkdir()
        # The subtree, not the commit with a path: then `export-ignore` of the project's attributes hides nothing.
        tree = f"{commit}:{'' if inside == '.' else inside}"
        if git(top, "cat-file", "-e", tree).returncode == 0:
            archive = git(top, "archive", "--format=tar", tree)
            if archive.returncode:
                raise SettingsError(f"{inside} at {ref} cannot be read: {said(archive)}")
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


def _relative(folder: Path, top: Path, ref: str) -> str:
    if not folder.resolve().is_relative_to(top):
        raise SettingsError(f"{OPTION}={ref}: the budgets folder {folder} is outside the checkout {top}")
    return folder.resolve().relative_to(top).as_posix()
