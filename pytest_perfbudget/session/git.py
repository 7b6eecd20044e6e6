"""What git says of the project, where it is a checkout."""

from __future__ import annotations

import getpass
import subprocess
from pathlib import Path
from typing import Any


def state(root: Path) -> dict[str, Any]:
    """``commit``, ``branch`` and ``dirty``; empty outside a checkout."""
    commit = _git(root, "rev-parse", "HEAD")
    if not commit:
        return {}
    branch = _git(root, "rev-parse", "--abbrev-ref", "HEAD")
    return {"commit": commit, "branch": branch, "dirty": bool(_git(root, "status", "--porcelain"))}


def commit(root: Path, ref: str = "HEAD") -> str:
    """Its full name; empty outside a checkout, and where there is no such ref."""
    return _git(root, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")


def branch(root: Path) -> str:
    """The branch that is checked out; empty where none is."""
    return _git(root, "symbolic-ref", "--quiet", "--short", "HEAD")


def default_branch(root: Path) -> str:
    """The one that the remote ``origin`` has as its HEAD; empty where git was not told."""
    return _git(root, "symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD").removeprefix("origin/")


def author(root: Path) -> str:
    """Who records a baseline: git's user name, else the login name."""
    name = _git(root, "config", "user.name")
    if name:
        return name
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _git(root: Path, *words: str) -> str:
    try:
        done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
