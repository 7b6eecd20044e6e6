"""A folder of budgets from texts, for the tests of this floor."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

from pytest_perfbudget.budgets.budget import Suite
from pytest_perfbudget.budgets.load import load

CODES = {"PB201": {"rows": 10_000}, "PB202": {"rows": 10_000}, "PB203": {"rows": 1_000, "share": 0.9}, "PB301": {}}


def write(root: Path, files: dict[str, str]) -> Path:
    """The folder ``budgets`` with the given files; texts may be indented."""
    folder = root / "budgets"
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(dedent(text).lstrip("\n"))
    return folder


def suite(root: Path, **files: str) -> Suite:
    """``suite(tmp_path, orders="[recent] …")``: the budgets of those files."""
    return load(write(root, {f"{stem}.toml": text for stem, text in files.items()}), root, CODES)
