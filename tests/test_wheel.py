"""The wheel: what is in it, and that it works without the source tree."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")

TEST = """
import pytest_perfbudget, pytest

@pytest.mark.perf_budget(queries={"max": 1})
def test_one(perf):
    assert perf.run("SELECT 1") == [(1,)]
    print("imported from", pytest_perfbudget.__file__)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [*PIP, "wheel", "--no-deps", "-w", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    return built


def test_contents(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"pytest_perfbudget/py.typed", "pytest_perfbudget/report/schema.json"} <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    (points,) = (name for name in names if name.endswith("entry_points.txt"))
    assert "perfbudget = pytest_perfbudget.cli.main:main" in zipfile.ZipFile(wheel).read(points).decode()
    folders = {name.partition("/")[0] for name in names}
    assert {name for name in folders if not name.endswith(".dist-info")} == {"pytest_perfbudget"}
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "pytest_perfbudget").rglob("*.py")}
    assert modules <= names


def test_installed_it_judges(wheel: Path, tmp_path: Path, server_cache: str) -> None:
    site, project = tmp_path / "site", tmp_path / "project"
    done = subprocess.run([*PIP, "install", "--no-deps", "--target", str(site), str(wheel)], check=False)
    assert done.returncode == 0
    project.mkdir()
    (project / "test_one.py").write_text(TEST)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environ |= {"PYTHONPATH": str(site), "PERFBUDGET_CACHE": server_cache, "PERFBUDGET_CI": "0"}
    command = [sys.executable, "-m", "pytest", "-s", "-p", "no:cacheprovider", "--perf-server=embedded"]
    run = subprocess.run(command, cwd=project, env=environ, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert f"imported from {site}" in run.stdout
    assert "perfbudget: 1 test within budget" in run.stdout or "1 new" in run.stdout
