"""Whether a run is of the default branch, and how we know: only then do its figures enter what others are held to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pytest_perfbudget.session import git


@dataclass(frozen=True, slots=True)
class Standing:
    """``default`` says whether it is; ``words`` with the evidence either way."""

    default: bool
    words: str


@dataclass(frozen=True, slots=True)
class _Known:
    """A branch and what says so; no name where nothing does, ``by`` is then why."""

    name: str
    by: str


def standing(environ: Mapping[str, str], root: Path, named: str) -> Standing:
    """What CI's variables say, else git, else the setting ``timings_branch`` (``named``) of the default branch's name.

    A run for a pull request is never one of the default branch, whatever its variables say: the code is another's.
    """
    default = _default(environ, root, named)
    if not default.name:
        return Standing(False, default.by)
    if other := _another_commit(environ, root):
        return Standing(False, other)
    here = _here(environ, root, default.name)
    if here.name != default.name:
        of = f"this run is of {here.name} ({here.by})" if here.name else here.by
        return Standing(False, f"{of}, and {default.name} is the default branch ({default.by})")
    return Standing(True, f"this run is of {here.name} ({here.by}), the default branch ({default.by})")


def _default(environ: Mapping[str, str], root: Path, named: str) -> _Known:
    if name := _event(environ):
        return _Known(name, "GITHUB_EVENT_PATH")
    if name := environ.get("CI_DEFAULT_BRANCH", ""):
        return _Known(name, "CI_DEFAULT_BRANCH")
    if name := git.default_branch(root):
        return _Known(name, "origin/HEAD")
    if named:
        return _Known(named, "timings_branch")
    return _Known("", "nothing says which the default branch is: name it by timings_branch in [tool.perfbudget]")


def _event(environ: Mapping[str, str]) -> str:
    """GitHub's event names it in its repository."""
    try:
        event = json.loads(Path(environ["GITHUB_EVENT_PATH"]).read_bytes())
        return str(event["repository"]["default_branch"] or "")
    except (KeyError, OSError, ValueError, TypeError):
        return ""


def _here(environ: Mapping[str, str], root: Path, default: str) -> _Known:
    if "GITHUB_REF_NAME" in environ:
        return _github(environ)
    if "GITLAB_CI" in environ:
        name = environ.get("CI_COMMIT_BRANCH", "")
        return _Known(name, "CI_COMMIT_BRANCH" if name else "CI_COMMIT_BRANCH is not set: this is no run of a branch")
    if name := git.branch(root):
        return _Known(name, "git")
    commit = git.commit(root)
    if commit and commit == git.commit(root, f"refs/remotes/origin/{default}"):
        return _Known(default, f"HEAD is origin/{default}")
    return _Known("", "git does not say which branch this run is of")


def _github(environ: Mapping[str, str]) -> _Known:
    event = environ.get("GITHUB_EVENT_NAME", "")
    if event.startswith("pull_request"):
        return _Known("", f"this run is for a pull request (GITHUB_EVENT_NAME is {event})")
    if environ.get("GITHUB_REF_TYPE", "branch") != "branch":
        return _Known("", f"this run is of a {environ['GITHUB_REF_TYPE']} (GITHUB_REF_TYPE)")
    return _Known(environ["GITHUB_REF_NAME"], "GITHUB_REF_NAME")


def _another_commit(environ: Mapping[str, str], root: Path) -> str:
    """A job of the default branch may check out a pull request."""
    commit = git.commit(root)
    for name in ("GITHUB_SHA", "CI_COMMIT_SHA"):
        if commit and (said := environ.get(name)) and said != commit:
            return f"the commit that is checked out ({commit[:10]}) is not that of {name} ({said[:10]})"
    return ""
