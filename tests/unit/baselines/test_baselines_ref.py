"""Budgets and baselines of a git ref, and what was loosened since."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from baselines_data import SEQ_SCAN, baseline, evidence, query

from pytest_perfbudget.baselines.record import AcceptedRecord, Baseline
from pytest_perfbudget.baselines.ref import at_ref, loosened_baselines
from pytest_perfbudget.baselines.store import Store
from pytest_perfbudget.errors import SettingsError


def git(folder: Path, *words: str) -> None:
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A checkout with the project in a subfolder, one commit, and a change that is not committed."""
    project = tmp_path / "checkout" / "project"
    (project / "budgets" / "baselines" / "pg18").mkdir(parents=True)
    (project / "budgets" / "orders.toml").write_text("[recent]\n")
    (project / "budgets" / "baselines" / "pg18" / "orders.recent.json").write_text("{}\n")
    (tmp_path / "checkout" / ".gitattributes").write_text("project/budgets export-ignore\n")
    git(tmp_path / "checkout", "init", "-q", "-b", "main")
    git(tmp_path / "checkout", "add", ".")
    git(tmp_path / "checkout", "commit", "-q", "-m", "one")
    (project / "budgets" / "orders.toml").write_text("[recent]\nqueries.max = 9\n")
    return project


def test_the_folder_is_that_of_the_ref_and_goes_away(project: Path) -> None:
    with at_ref(project, project / "budgets", "main") as folder:
        assert folder.name == "budgets"
        assert (folder / "orders.toml").read_text() == "[recent]\n"
        assert (folder / "baselines" / "pg18" / "orders.recent.json").read_text() == "{}\n"
    assert not folder.parent.exists()
    assert "9" in (project / "budgets" / "orders.toml").read_text()


def test_a_hook_of_git_does_not_mislead(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", "/nowhere")

    with at_ref(project, project / "budgets", "main") as folder:
        assert (folder / "orders.toml").exists()


def test_a_relative_folder_is_one_of_the_root(project: Path) -> None:
    with at_ref(project, Path("budgets"), "HEAD") as folder:
        assert (folder / "orders.toml").exists()


def test_a_folder_the_ref_does_not_have_is_empty(project: Path) -> None:
    with at_ref(project, project / "promises", "HEAD") as folder:
        assert list(folder.iterdir()) == []


def test_an_unknown_ref_says_what_is_known(project: Path) -> None:
    with pytest.raises(SettingsError) as caught, at_ref(project, project / "budgets", "origin/main"):
        pass

    assert "--perf-baseline=origin/main" in caught.value.what
    assert "git fetch" in caught.value.remedy
    assert "known: main" in caught.value.remedy
    assert "shallow" not in caught.value.remedy


def test_a_shallow_clone_is_named(project: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{project.parent}", "shallow")

    with pytest.raises(SettingsError, match="git fetch --unshallow"), at_ref(tmp_path / "shallow", Path("b"), "HEAD~1"):
        pass


@pytest.mark.parametrize("ref", ["--output=/tmp/x", "-h", "", "a b"])
def test_a_ref_is_never_an_option(project: Path, ref: str) -> None:
    with pytest.raises(SettingsError, match="git does not know"), at_ref(project, project / "budgets", ref):
        pass


def test_no_checkout_is_said(tmp_path: Path) -> None:
    with (
        pytest.raises(SettingsError, match="needs a git checkout: not a git repository"),
        at_ref(tmp_path, tmp_path, "x"),
    ):
        pass


def test_without_git_it_is_said(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")

    with pytest.raises(SettingsError, match="git: No such file"), at_ref(project, project / "budgets", "HEAD"):
        pass


def test_a_folder_outside_the_checkout_is_refused(project: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="outside the checkout"), at_ref(project, tmp_path, "HEAD"):
        pass


def loosened(tmp_path: Path, old: Baseline, new: Baseline | None) -> tuple[str, ...]:
    before, after = Store(tmp_path / "old", tmp_path), Store(tmp_path / "new", tmp_path)
    before.write([old])
    after.write([new] if new else [])
    return loosened_baselines(before, after, 18)


def test_nothing_is_loosened_by_less_work_or_a_new_entry(tmp_path: Path) -> None:
    old = baseline(evidence(query()))
    new = baseline(evidence(query(buffers=20), query(id="b" * 12), totals={"work.buffers": 20.0, "queries.max": 1.0}))

    assert loosened(tmp_path, old, new) == ()


def test_everything_that_is_loosened_has_its_line(tmp_path: Path) -> None:
    old = baseline(
        evidence(query(), query(id="b" * 12, sites=(), sql="SELECT 2"), query(id="c" * 12, sql="SELECT 3", sites=())),
        evidence(query(), test="tests/test_a.py::test_gone"),
    )
    edited = query(id="f" * 12, sql="SELECT 1", buffers=90, tree=SEQ_SCAN)
    uncounted = query(id="b" * 12, sites=(), sql="SELECT 2", work=None)
    new = baseline(evidence(edited, uncounted, totals={"work.buffers": 113.0}))
    test = "orders.recent  tests/test_a.py::test_recent: "

    assert loosened(tmp_path, old, new) == (
        "orders.recent  tests/test_a.py::test_gone: the entry was removed",
        test + "work.buffers 23 → 90: SELECT 1",
        test + "the plan changed: SELECT 1",
        test + "work is no longer recorded: SELECT 2",
        test + "the entry was removed: SELECT 3",
        test + "queries.max of the whole test is no longer recorded",
        test + "work.buffers of the whole test 69 → 113",
    )


def test_an_accepted_plan_and_a_removed_file_are_loosened(tmp_path: Path) -> None:
    old = baseline(evidence(query()))
    entry = old.tests["tests/test_a.py::test_recent"]
    more = replace(entry, queries=(replace(entry.queries[0], accepted=(AcceptedRecord("x", 1, (), "r"),)),))

    assert loosened(tmp_path / "a", old, replace(old, tests={"tests/test_a.py::test_recent": more}))[0].startswith(
        "orders.recent  tests/test_a.py::test_recent: plans accepted 0 → 1"
    )
    assert loosened(tmp_path / "b", old, None) == ("orders.recent: the baseline was removed",)
