"""The reference's files, there for as long as they are needed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_perfbudget.errors import SettingsError
from pytest_perfbudget.session.against.worktree import Commit, checked_out


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "a.txt").write_text("committed")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "a")
    (tmp_path / "a.txt").write_text("edited")
    return tmp_path.resolve()


def git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    return subprocess.run(["git", *who, *words], cwd=folder, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("fails", [False, True], ids=["as usual", "interrupted"])
def test_a_worktree_holds_what_was_committed_and_is_removed(checkout: Path, fails: bool) -> None:
    hook = checkout / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {checkout}/hooked\n")
    hook.chmod(0o755)
    try:
        with checked_out(Commit.of(checkout, "main")) as tree:
            assert (tree.folder / "a.txt").read_text() == "committed"
            assert tree.mapped(checkout / "a.txt") == tree.folder / "a.txt"
            assert tree.mapped(Path("/elsewhere")) is None
            assert tree.folder.parent.stat().st_mode & 0o777 == 0o700
            if fails:
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        assert fails
    assert not tree.folder.parent.exists()
    assert len(git(checkout, "worktree", "list").splitlines()) == 1
    assert (checkout / "a.txt").read_text() == "edited"
    assert not (checkout / "hooked").exists()


def test_a_worktree_of_the_users_that_is_away_is_not_forgotten(
    checkout: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """On a disk that is unplugged, say."""
    folder = tmp_path_factory.mktemp("disk") / "theirs"
    git(checkout, "worktree", "add", "-q", "-b", "theirs", str(folder))
    folder.rename(folder.with_name("unplugged"))
    with checked_out(Commit.of(checkout, "main")):
        pass
    assert str(folder) in git(checkout, "worktree", "list")
    folder.with_name("unplugged").rename(folder)
    assert git(folder, "status", "--short") == ""


def test_one_of_ours_whose_folder_was_cleaned_away_is_forgotten(checkout: Path) -> None:
    with checked_out(Commit.of(checkout, "main")) as cleaned:
        shutil.rmtree(cleaned.folder.parent)
        with checked_out(Commit.of(checkout, "main")):
            assert str(cleaned.folder) not in git(checkout, "worktree", "list")


def test_the_nearest_ref_is_offered(checkout: Path) -> None:
    git(checkout, "branch", "feature/orders")
    with pytest.raises(SettingsError) as caught:
        Commit.of(checkout, "feature/order")
    assert str(caught.value).splitlines()[:2] == [
        "--perf-against=feature/order: git does not know this ref",
        "    did you mean feature/orders?",
    ]


def test_a_commit_is_shown_with_its_number_once(checkout: Path) -> None:
    commit = Commit.of(checkout, "main")
    assert str(commit) == f"main ({commit.id[:10]})"
    assert str(Commit.of(checkout, commit.id[:12])) == commit.id[:12]


def test_what_a_killed_run_has_left_is_removed_and_a_living_ones_stays(checkout: Path) -> None:
    commit = Commit.of(checkout, "main")
    killed = "import os, sys; from pathlib import Path\n" + (
        "from pytest_perfbudget.session.against.worktree import Commit, checked_out\n"
        "with checked_out(Commit.of(Path(sys.argv[1]), 'main')) as tree:\n"
        "    print(tree.folder, flush=True); os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", killed, str(checkout)], capture_output=True, text=True, check=False)
    left = Path(done.stdout.strip())
    assert left.is_dir()
    with checked_out(commit) as living:
        assert not left.parent.exists()
        with checked_out(commit):
            assert living.folder.is_dir()
