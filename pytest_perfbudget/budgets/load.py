"""A folder of TOML files → all its budgets, or everything that is wrong with them in one error."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_perfbudget.budgets.budget import Budget, Suite
from pytest_perfbudget.budgets.complaints import Complaints
from pytest_perfbudget.budgets.document import document
from pytest_perfbudget.budgets.entries import Codes, Source
from pytest_perfbudget.budgets.keys import RESERVED
from pytest_perfbudget.budgets.places import Places, written
from pytest_perfbudget.budgets.read import read
from pytest_perfbudget.errors import At, BudgetError

_NAME = re.compile(r"[A-Za-z0-9_-]+")
_RULE = "a name has letters, digits, _ and -"

INLINE = "inline"
"""The prefix of budgets written in markers; no file may take it, their baselines would be one."""


def load(folder: Path, root: Path, known_codes: Codes | None = None) -> Suite:
    """The budgets of every ``*.toml`` directly in ``folder``; a folder that does not exist has none.

    Places are shown relative to ``root``. Rules that waivers and ``plan.rules`` name are checked against
    ``known_codes``; with None any ``PB…`` passes. Files whose name starts with a dot (an editor's locks) are not
    budgets.

    Raises:
        BudgetError: all errors of all files; ``at`` is set if there is only one.
    """
    complaints, budgets = Complaints(), dict[str, Budget]()
    shown = _shown(folder, root)
    files = {path: _shown(path, root) for path in _files(folder, shown)}
    stems: dict[str, str] = {}
    for path, file in files.items():
        with complaints.collecting():
            _check_stem(path.stem, file, stems)
            values, places = document(path, file)
            budgets |= _budgets(path.stem, values, Source(places, known_codes, complaints))
    complaints.settle(f"the budgets of {shown}/")
    return Suite(budgets, tuple(files.values()), shown)


def _files(folder: Path, shown: str) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == ".toml" and not path.name.startswith("."))
    except FileNotFoundError:
        return []
    except OSError as error:
        what = f"the folder of budgets cannot be read: {error.strerror}"
        remedy = f"ls -ld {shown}\nor name another one: pytest --perf-budgets DIR"
        raise BudgetError(what, at=At(shown), remedy=remedy) from None


def _shown(path: Path, root: Path) -> str:
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()


def _check_stem(stem: str, file: str, stems: dict[str, str]) -> None:
    """The file's name becomes part of budget names and of baseline files, also where letter case is not kept apart."""
    if not _NAME.fullmatch(stem):
        better = re.sub(r"[^A-Za-z0-9_-]+", "_", stem)
        what = f'"{stem}" cannot be the prefix of budgets: {_RULE}'
        raise BudgetError(what, at=At(file), remedy=f"rename it: mv {file} {file[: -len(stem) - 5]}{better}.toml")
    if stem.lower() == INLINE:
        what = f'"{stem}" is the prefix of budgets written in markers'
        raise BudgetError(what, at=At(file), remedy="give the file another name")
    other = stems.setdefault(stem.lower(), file)
    if other != file:
        what = f"differs from {other} in letter case only, and both would share baselines on macOS and Windows"
        raise BudgetError(what, at=At(file), remedy="merge the two files, or give one another name")


def _budgets(prefix: str, values: Mapping[str, Any], source: Source) -> dict[str, Budget]:
    defaults = None
    if isinstance(values.get("suite"), Mapping):
        defaults = read(f"{prefix}.suite", values["suite"], ("suite",), source, scope="suite")
    budgets, cases = dict[str, Budget](), dict[str, str]()
    for table, keys in values.items():
        with source.complaints.collecting():
            _check_table(prefix, table, keys, source.places)
            _check_case(table, cases, source.places)
            if table != "suite":
                name = f"{prefix}.{table}"
                budgets[name] = read(name, keys, (table,), source, base=defaults)
    return budgets


def _check_case(table: str, cases: dict[str, str], places: Places) -> None:
    other = cases.setdefault(table.lower(), table)
    if other != table:
        what = f"[{table}] differs from [{other}] in letter case only"
        raise BudgetError(what, at=places.at((table,)), remedy="give one of them another name")


def _check_table(prefix: str, name: str, table: Any, places: Places) -> None:
    at = places.at((name,))
    if isinstance(table, list) and all(isinstance(one, Mapping) for one in table) and table:
        raise BudgetError(f"[[{name}]] is a list of tables", at=at, remedy=f"write [{name}], once")
    if name == "suite":
        if not isinstance(table, Mapping):
            what = f"suite = {written(table)} is not a table: [suite] holds the defaults of the file"
            raise BudgetError(what, at=at, remedy="write:\n  [suite]\n  queries.max = 10")
        return
    if name in RESERVED:
        what = f"{name} is the first word of keys, not the name of a budget"
        remedy = "keys stand in the table of a budget, [recent], or in [suite] as defaults of the file"
        raise BudgetError(what, at=at, remedy=remedy)
    if not isinstance(table, Mapping):
        what = f"{name} = {written(table)} stands outside of any budget"
        raise BudgetError(what, at=at, remedy="open a table above it: [recent]")
    if not _NAME.fullmatch(name):
        what = f'"{name}" cannot name a budget: {_RULE}'
        raise BudgetError(what, at=at, remedy=f"write [{re.sub(r'[^A-Za-z0-9_-]+', '_', name)}]")
    if (
        name == prefix
        and table
        and all(isinstance(one, Mapping) for one in table.values())
        and not RESERVED & set(table)
    ):
        inner = next(iter(table))
        what = f"[{name}.{inner}] would be the budget {prefix}.{name}.{inner}: the file's name is the prefix already"
        raise BudgetError(what, at=places.at((name, inner)), remedy=f"write [{inner}]; its name is {prefix}.{inner}")
