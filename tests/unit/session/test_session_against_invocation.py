"""How the reference's pytest is called: as ours, on the other tree's files."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from sysconfig import get_path

import pytest

from pytest_perfbudget.session.against.invocation import Invocation, installed, mapped, without_paths
from pytest_perfbudget.session.against.worktree import Tree


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    tmp_path = tmp_path.resolve()
    for folder in ("top/app/src", "top/.venv/lib/site-packages", "tree/app/src", "tree/app/tests"):
        (tmp_path / folder).mkdir(parents=True)
    for file in ("tree/app/tests/test_a.py", "tree/app/pyproject.toml"):
        (tmp_path / file).touch()
    return Tree(tmp_path / "top", tmp_path / "tree")


def called(tree: Tree, *arguments: str, path: tuple[str, ...] = ()) -> Invocation:
    app = tree.top / "app"
    return Invocation(arguments, ("-n0",), app, app / "pyproject.toml", app, path, ("DATABASE_URL",))


def test_the_files_of_the_tests_that_are_there_are_named(tree: Tree, tmp_path: Path) -> None:
    command = called(tree, "-q", "-n2").command(tree, ["tests/test_a.py::test_x", "tests/test_b.py::test_y"], tmp_path)
    app = tree.folder / "app"
    assert command == [
        *("-q", "-n2", "-n0", f"--rootdir={app}", "-c", str(app / "pyproject.toml")),
        *(f"--basetemp={tmp_path / 'tmp'}", str(app / "tests" / "test_a.py")),
    ]


def test_a_reference_without_the_files_is_not_called(tree: Tree, tmp_path: Path) -> None:
    assert called(tree).command(tree, ["tests/test_b.py::test_y"], tmp_path) is None


def test_the_search_path_is_the_other_trees_and_keeps_the_environment(tree: Tree) -> None:
    top, app = tree.top, tree.folder / "app"
    path = (str(top / "app"), str(top / ".venv" / "lib" / "site-packages"), get_path("stdlib"), "/elsewhere")
    assert called(tree, path=path).search_path(tree) == [str(app), str(app / "src")]
    assert mapped(path[1], tree) == path[1]
    assert mapped("/elsewhere", tree) == "/elsewhere"


def test_the_folder_of_the_call_stands_for_the_empty_entry(tree: Tree) -> None:
    assert called(tree, path=("",)).search_path(tree)[0] == str(tree.folder / "app")


def test_the_environment_is_a_run_of_its_own(tree: Tree) -> None:
    before = {
        "HOME": "/home/me",
        "DATABASE_URL": "postgresql://ours",
        "PYTEST_XDIST_WORKER": "gw0",
        "PYTEST_CURRENT_TEST": "x",
        "GIT_DIR": ".git",
        "PYTHONPATH": os.pathsep.join([str(tree.top / "app" / "src"), "/elsewhere"]),
    }
    after = called(tree).environment(before)
    assert after == {"HOME": "/home/me", "PYTHONPATH": before["PYTHONPATH"]}
    variable = called(tree).variable(tree, before).split(os.pathsep)
    assert variable == [str(tree.folder / "app"), str(tree.folder / "app" / "src"), "/elsewhere"]


def test_what_is_relative_is_so_to_where_we_were_called(tree: Tree) -> None:
    assert called(tree).environment({"PYTHONPATH": "src"}) == {"PYTHONPATH": str(tree.top / "app" / "src")}


def test_what_is_called_from_elsewhere_is_called_at_its_root(tree: Tree) -> None:
    app = called(tree)
    elsewhere = Invocation((), (), app.root, None, Path("/"), (), ())
    assert app.working_folder(tree) == elsewhere.working_folder(tree) == tree.folder / "app"


@pytest.mark.parametrize(
    ("path", "inside"),
    [
        ("/srv/app/.venv/lib/python3.11/site-packages/x.py", True),
        (f"{get_path('stdlib')}/json/__init__.py", True),
        ("/srv/app/shop.py", False),
        (f"{sys.prefix}/src/app/shop.py", False),
    ],
)
def test_a_checkout_beneath_the_prefix_is_not_taken_for_what_is_installed(path: str, inside: bool) -> None:
    assert installed(Path(path)) is inside


def test_paths_are_taken_from_the_command_line_once_each() -> None:
    assert without_paths(["-k", "tests", "-q", "tests", "a.py::b"], ["tests", "a.py::b"]) == ("-k", "-q", "tests")
