"""The shape of the code, as law: sizes, layers, rooms."""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "pytest_perfbudget"
MODULES = sorted(PACKAGE.rglob("*.py"))

LARGEST_MODULE = 250
LARGEST_FUNCTION = 40
ALLOWED: dict[str, str] = {}
"""``path`` or ``path:function`` → why it may be larger."""

BANNED_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "lib"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_is_a_room_of_bounded_size(path: Path) -> None:
    name = str(path.relative_to(PACKAGE))
    assert path.stem not in BANNED_NAMES
    lines = len(path.read_text().splitlines())
    assert lines <= LARGEST_MODULE or name in ALLOWED, f"{name} has {lines} lines"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_function_reads_at_a_glance(path: Path) -> None:
    name = str(path.relative_to(PACKAGE))
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            size = (node.end_lineno or 0) - node.lineno + 1
            assert size <= LARGEST_FUNCTION or f"{name}:{node.name}" in ALLOWED, f"{name}:{node.name} has {size} lines"


def test_the_median_module_is_under_a_hundred_lines() -> None:
    assert statistics.median(len(path.read_text().splitlines()) for path in MODULES) < 100


def test_every_module_says_what_it_is_for() -> None:
    silent = [str(path) for path in MODULES if not ast.get_docstring(ast.parse(path.read_text()))]
    assert silent == []


def test_layers_are_law() -> None:
    linter = Path(sys.executable).parent / "lint-imports"
    result = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout
