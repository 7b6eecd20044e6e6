"""The git checkout the project is in, and the refs it knows."""

from __future__ import annotations

import os
import subprocess
from difflib import get_close_matches
from pathlib import Path

from pytest_perfbudget.errors import SettingsError

_HOOK = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")
"""Set while a git hook runs; they would make git look elsewhere than in the project."""
_SHOWN = 8
"""Refs that are listed."""


def toplevel(root: Path, option: str, ref: str) -> Path:
    """The folder of the checkout that ``root`` is in; ``option`` is the one that gave ``ref``, for errors.

    Raises:
        SettingsError: it is in none.
    """
    found = git(root, "rev-parse", "--show-toplevel")
    if found.returncode:
        raise SettingsError(
            f"{option}={ref} needs a git checkout: {said(found)}",
            remedy=f"run pytest in the checkout, with its .git folder, or leave out {option}",
        )
    return Path(found.stdout.decode().strip()).resolve()


def commit_of(top: Path, option: str, ref: str) -> str:
    """The commit that ``ref`` names, in full.

    Raises:
        SettingsError: git does not know it; the nearest of those it knows is offered.
    """
    found = git(top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    if found.returncode:
        shallow = git(top, "rev-parse", "--is-shallow-repository").stdout.strip() == b"true"
        depth = ["the clone is shallow: git fetch --unshallow (actions/checkout: fetch-depth: 0)"] if shallow else []
        known = git(top, "for-each-ref", "--format=%(refname:short)").stdout.decode().split()
        near = [f"did you mean {one}?" for one in get_close_matches(ref, known, n=1)]
        listed = f"known: {', '.join(known[:_SHOWN])}" + (", …" if len(known) > _SHOWN else "")
        raise SettingsError(
            f"{option}={ref}: git does not know this ref",
            remedy="\n".join([*near, *depth, "git fetch origin, then name one of its refs", listed]),
        )
    return found.stdout.decode().strip()


def git(where: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    """What git answers in the folder ``where``; code 127 where there is no git."""
    environment = {name: value for name, value in os.environ.items() if name not in _HOOK}
    try:
        return subprocess.run(["git", *words], cwd=where, env=environment, capture_output=True, check=False)
    except OSError as error:
        return subprocess.CompletedProcess(words, 127, b"", f"git: {error.strerror}".encode())


def said(done: subprocess.CompletedProcess[bytes]) -> str:
    """The first line that git complains with."""
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    return lines[0].removeprefix("fatal: ") if lines else f"git exited with {done.returncode}"
