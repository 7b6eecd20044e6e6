"""One budget file: its bytes → its values and their places."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from pytest_perfbudget.budgets.places import Places
from pytest_perfbudget.budgets.positions import Positions, Repeat, positions
from pytest_perfbudget.errors import At, BudgetError

_PLACE = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)$")
_MARKER = re.compile(r"^(<{7}|={7}|>{7})(\s|$)")
_UNQUOTED = re.compile(r"^\s*(?P<key>[\w.\"-]+)\s*=\s*(?P<value>\d[\d._]*\s*(?:us|µs|ms|s|min|%))\s*(?:#.*)?$")
_REPEATED = ("Cannot", "Duplicate")


def document(path: Path, shown: str) -> tuple[dict[str, Any], Places]:
    """The values of a file, and where each was written; ``shown`` is what errors call the file.

    Raises:
        BudgetError: the file cannot be read, is not UTF-8, or is not TOML.
    """
    text = _text(path, shown)
    found = positions(text)
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _malformed(str(error), text, found, shown) from None
    return values, Places(At(shown), found.lines, found.texts)


def _text(path: Path, shown: str) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BudgetError(f"cannot be read: {error.strerror}", at=At(shown), remedy=f"ls -l {shown}") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        at = At(shown, data[: error.start].count(b"\n") + 1)
        what = f"not UTF-8: byte 0x{data[error.start]:02x}"
        remedy = f"save the file as UTF-8; from Latin-1: iconv -f latin1 -t utf-8 {shown}"
        raise BudgetError(what, at=at, remedy=remedy) from None


def _malformed(message: str, text: str, found: Positions, shown: str) -> BudgetError:
    lines = text.splitlines() or [""]
    for number, line in enumerate(lines, 1):
        if _MARKER.match(line):
            what = "a merge conflict is left in the file"
            remedy = f"{line}\nedit the file, then: git add {shown}"
            return BudgetError(what, at=At(shown, number), remedy=remedy)
    if message.startswith(_REPEATED) and found.repeats:
        return _repeated(found.repeats[0], shown)
    place = _PLACE.search(message)
    number = int(place[1]) if place and place[1] else len(lines)
    words = _PLACE.sub("", message)
    remedy = "\n".join([lines[number - 1], *_caret(place), *_hint(lines[number - 1], place)])
    return BudgetError(f"not TOML: {words[:1].lower()}{words[1:]}", at=At(shown, number), remedy=remedy)


def _caret(place: re.Match[str] | None) -> list[str]:
    return [" " * (int(place[2]) - 1) + "^"] if place and place[2] else []


def _hint(line: str, place: re.Match[str] | None) -> list[str]:
    """The slips people make: a bracket left open; a value with a unit, or a text, without quotes."""
    if place and not place[1]:
        return ["the file ends here: close the bracket or the quote that is open"]
    unquoted = _UNQUOTED.match(line)
    if unquoted:
        return [f'put it in quotes: {unquoted["key"]} = "{unquoted["value"].strip()}"']
    if re.search(r"=.*[\[,]\s*[A-Za-z]|=\s*[A-Za-z]", line):
        return ['texts stand in quotes: plan.forbid = ["Seq Scan on orders"]']
    return []


def _repeated(repeat: Repeat, shown: str) -> BudgetError:
    at = At(shown, repeat.line)
    name = ".".join(str(part) for part in repeat.path if isinstance(part, str))
    if repeat.table and len(repeat.path) == 1 and name != "suite":
        what, remedy = f"the budget {name} is defined twice", "give one of them another name, or merge the two tables"
    elif repeat.table:
        what, remedy = f"[{name}] is opened twice", "merge the two"
    else:
        what, remedy = f"{name} is set twice", "keep one of the two"
    return BudgetError(f"{what}, first on line {repeat.first}", at=at, remedy=remedy)
