"""Whether a run is of the default branch, and what says so."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from pytest_perfbudget.session.stored.branch import standing


def git(root: Path, *words: str) -> str:
    who = ("-c", "user.name=us", "-c", "user.email=us@example.org")
    return subprocess.run(["git", *who, *words], cwd=root, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A clone whose origin has ``main`` as its HEAD."""
    origin, root = tmp_path / "origin", tmp_path / "clone"
    origin.mkdir()
    git(origin, "init", "-q", "-b", "main")
    git(origin, "commit", "-q", "--allow-empty", "-m", "first")
    git(tmp_path, "clone", "-q", str(origin), str(root))
    return root


@pytest.fixture
def event(tmp_path: Path) -> str:
    path = tmp_path / "event.json"
    path.write_text(json.dumps({"repository": {"default_branch": "trunk"}}))
    return str(path)


def github(event: str, name: str, **more: str) -> dict[str, str]:
    given = {"GITHUB_EVENT_PATH": event, "GITHUB_REF_NAME": name, "GITHUB_REF_TYPE": "branch"}
    return given | {"GITHUB_EVENT_NAME": "push"} | more


def test_github_says_it(tmp_path: Path, event: str) -> None:
    found = standing(github(event, "trunk"), tmp_path, "")
    assert found.default
    assert found.words == "this run is of trunk (GITHUB_REF_NAME), the default branch (GITHUB_EVENT_PATH)"


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"GITHUB_REF_NAME": "fix"}, "this run is of fix (GITHUB_REF_NAME), and trunk is the default branch"),
        ({"GITHUB_EVENT_NAME": "pull_request"}, "this run is for a pull request (GITHUB_EVENT_NAME is pull_request)"),
        ({"GITHUB_EVENT_NAME": "pull_request_target"}, "this run is for a pull request"),
        ({"GITHUB_REF_TYPE": "tag"}, "this run is of a tag (GITHUB_REF_TYPE)"),
    ],
)
def test_a_run_of_something_else_is_told(tmp_path: Path, event: str, environ: dict[str, str], words: str) -> None:
    found = standing(github(event, "trunk", **environ), tmp_path, "trunk")
    assert not found.default
    assert found.words.startswith(words)


@pytest.mark.parametrize(
    "contents", ["", "[]", "{}", '{"repository": null}', '{"repository": {"default_branch": null}}']
)
def test_an_event_without_a_repository_says_nothing(tmp_path: Path, contents: str) -> None:
    path = tmp_path / "event.json"
    path.write_text(contents)
    found = standing(github(str(path), "trunk"), tmp_path, "trunk")
    assert found.default
    assert found.words.endswith("(timings_branch)")


def test_another_commit_than_that_of_the_branch_is_not_recorded(checkout: Path, event: str) -> None:
    """A job of the default branch that checks out a pull request."""
    sha = git(checkout, "rev-parse", "HEAD")
    assert standing(github(event, "trunk", GITHUB_SHA=sha), checkout, "").default
    git(checkout, "commit", "-q", "--allow-empty", "-m", "theirs")
    found = standing(github(event, "trunk", GITHUB_SHA=sha), checkout, "")
    assert not found.default
    assert found.words.endswith(f"is not that of GITHUB_SHA ({sha[:10]})")


def test_gitlab_says_it(tmp_path: Path) -> None:
    environ = {"GITLAB_CI": "true", "CI_DEFAULT_BRANCH": "main"}
    assert standing(environ | {"CI_COMMIT_BRANCH": "main"}, tmp_path, "").default
    assert not standing(environ | {"CI_COMMIT_BRANCH": "fix"}, tmp_path, "").default
    assert "CI_COMMIT_BRANCH is not set" in standing(environ, tmp_path, "").words


def test_another_commit_than_gitlab_says_is_not_recorded(checkout: Path) -> None:
    environ = {"GITLAB_CI": "true", "CI_DEFAULT_BRANCH": "main", "CI_COMMIT_BRANCH": "main", "CI_COMMIT_SHA": "c0ffee"}
    assert standing(environ, checkout, "").words.endswith("is not that of CI_COMMIT_SHA (c0ffee)")


def test_git_says_it_where_no_variable_does(checkout: Path) -> None:
    found = standing({}, checkout, "other")
    assert found.words == "this run is of main (git), the default branch (origin/HEAD)"
    assert found.default
    git(checkout, "checkout", "-q", "-b", "fix")
    assert not standing({}, checkout, "").default


def test_a_checkout_of_a_commit_is_of_the_branch_that_ends_in_it(checkout: Path) -> None:
    git(checkout, "checkout", "-q", "--detach")
    found = standing({}, checkout, "")
    assert (found.default, "HEAD is origin/main" in found.words) == (True, True)
    git(checkout, "commit", "-q", "--allow-empty", "-m", "another")
    assert standing({}, checkout, "").words.startswith("git does not say which branch this run is of")


def test_the_setting_names_it_where_nothing_else_does(checkout: Path, tmp_path: Path) -> None:
    git(checkout, "remote", "remove", "origin")
    found = standing({}, checkout, "")
    assert not found.default
    assert "timings_branch" in found.words
    assert standing({}, checkout, "main").default
    assert not standing({}, tmp_path, "main").default
