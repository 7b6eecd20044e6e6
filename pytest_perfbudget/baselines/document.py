"""A baseline as text: JSON that is reviewed in a pull request, and read back with the place of what is wrong.

Keys are sorted, each line of a plan is a line of the file, whole numbers have no fraction, nothing is escaped that
UTF-8 can hold: what did not change gives the same bytes.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from typing import Any, NoReturn, TypeVar

from pytest_perfbudget.baselines.record import FORMAT, Baseline, Recorded, TestRecord
from pytest_perfbudget.errors import At, BaselineError
from pytest_perfbudget.model import Environment

_T = TypeVar("_T")
_CONFLICT = re.compile(r"^(<{7}|>{7}|\|{7})( |$)", re.MULTILINE)
_REPAIR = "take it from git (git checkout -- {file}), or delete it and record again: pytest --perf-update"
_EXACT = 2**53
"""Integers above it are not told apart by a float, so a float above it is left as it is."""


def dump(baseline: Baseline) -> str:
    """The text of the file, with a newline at its end."""
    plain = {"format": FORMAT, **asdict(baseline)}
    for entry in plain["tests"].values():
        for query in entry["queries"]:
            for counted in (query, *query["accepted"]):
                counted["work"] = counted["work"] and _short(counted["work"])
    return json.dumps(_stable(plain), indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def _short(work: dict[str, Any]) -> dict[str, Any]:
    """Every counter; of the rest only what there is (a query's cost stands beside its work)."""
    return {key: value for key, value in work.items() if value or key not in ("inexact", "cost")}


def _stable(value: Any) -> Any:
    """Sets in order, whole numbers without a fraction."""
    if isinstance(value, dict):
        return {key: _stable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_stable(item) for item in value]
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return int(value)
    return value


def parse(text: str, file: str, budget: str) -> Baseline:
    """The inverse of ``dump``; ``file`` is what errors call it, ``budget`` the name its file name promises.

    Raises:
        BaselineError: it is not such a document; ``at`` is the line, as near as can be told.
    """
    if conflict := _CONFLICT.search(text):
        remedy = f"git checkout --theirs -- {file} (or --ours), then record again: pytest --perf-update"
        raise BaselineError("merge-conflict markers", at=At(file, _line(text, conflict.start())), remedy=remedy)
    document = _json(text, file)
    if not isinstance(document, dict):
        _refuse("a baseline is an object", file, 1)
    _check_format(document, text, file)
    baseline = _convert(document, text, file)
    if baseline.budget != budget:
        raise BaselineError(
            f"the file records budget {baseline.budget!r}, its name says {budget!r}",
            at=At(file, _line_of(text, "budget")),
            remedy="name the file after its budget, or delete it and record again: pytest --perf-update",
        )
    return baseline


def _json(text: str, file: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        cut = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string")
        what = f"the file ends in the middle: {error.msg}" if cut else f"not JSON: {error.msg} at column {error.colno}"
        _refuse("the file is empty" if not text.strip() else what, file, error.lineno)
    except (ValueError, RecursionError) as error:
        _refuse(f"not JSON: {error}", file, 0)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def _check_format(document: dict[str, Any], text: str, file: str) -> None:
    number = document.get("format")
    if type(number) is not int or number < 1:
        _refuse(f'"format" is {json.dumps(number)}, not {FORMAT}', file, _line_of(text, "format"))
    if number > FORMAT:
        raise BaselineError(
            f"format {number}, this version reads {FORMAT}: it was written by a newer pytest-perfbudget",
            at=At(file, _line_of(text, "format")),
            remedy="pip install --upgrade pytest-perfbudget",
        )


def _convert(document: dict[str, Any], text: str, file: str) -> Baseline:
    """Level by level, so that an error names the test it is in and not only ``$.tests[...]``."""
    tests = _typed(document.get("tests"), dict[str, Any], "tests", text, file)
    return Baseline(
        budget=_typed(document.get("budget"), str, "budget", text, file),
        environment=_typed(document.get("environment"), Environment, "environment", text, file),
        tests={test: _typed(entry, TestRecord, test, text, file) for test, entry in tests.items()},
        recorded=_typed(document.get("recorded"), Recorded, "recorded", text, file),
    )


def _typed(value: Any, kind: type[_T], key: str, text: str, file: str) -> _T:
    import msgspec

    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        words, _, path = str(error).partition(" - at ")
        inner = path.strip("`").removeprefix("$").removeprefix(".")
        place = f"{key}: {inner}" if inner else key
        _refuse(f"{place}: {words[:1].lower()}{words[1:]}", file, _line_of(text, key))


def _line_of(text: str, key: str) -> int:
    """The line that opens the key; 1 where it is missing."""
    found = re.search(rf"^\s*{re.escape(json.dumps(key, ensure_ascii=False))}\s*:", text, re.MULTILINE)
    return _line(text, found.end()) if found else 1


def _line(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1


def _refuse(what: str, file: str, line: int) -> NoReturn:
    raise BaselineError(what, at=At(file, line), remedy=_REPAIR.format(file=file))
