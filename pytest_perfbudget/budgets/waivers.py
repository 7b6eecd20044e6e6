"""``[[….waive]]``: findings that do not fail until a date."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import date, datetime
from typing import Any

from pytest_perfbudget.budgets.budget import Waiver
from pytest_perfbudget.budgets.entries import Entry, Source
from pytest_perfbudget.budgets.keys import BY_NAME
from pytest_perfbudget.budgets.nearest import did_you_mean
from pytest_perfbudget.budgets.places import Path, written
from pytest_perfbudget.errors import At, BudgetError

_PARTS = {
    "rule": 'rule = "work.buffers"',
    "reason": 'reason = "report runs nightly"',
    "owner": 'owner = "@data"',
    "until": "until = 2027-01-31",
}


def waivers(entry: Entry, source: Source) -> tuple[Waiver, ...]:
    """The sound waivers of a list; what is wrong with the others becomes complaints.

    Raises:
        BudgetError: no list of tables.
    """
    if not isinstance(entry.value, list | tuple) or not all(isinstance(table, Mapping) for table in entry.value):
        raise entry.refuse("is not a list of tables", f"write {entry.key.example}")
    found: dict[str, Waiver] = {}
    for index, table in enumerate(entry.value):
        with source.complaints.collecting():
            waiver = _waiver(table, (*entry.path, index), source)
            first = found.setdefault(waiver.rule, waiver)
            if first is not waiver:
                what = f"{waiver.rule} is waived twice in one budget, first at {first.at}"
                raise BudgetError(what, at=waiver.at, remedy="keep one of the two")
    return tuple(found.values())


def _waiver(table: Mapping[str, Any], path: Path, source: Source) -> Waiver:
    at = source.places.at(path)
    faults = list(_faults(table, at))
    if faults:
        raise BudgetError(f"the waiver {faults[0]}", at=at, remedy="\n".join(["a waiver has:", *_form(table)]))
    return Waiver(
        rule=_rule(table["rule"], source.places.at((*path, "rule")), source.codes),
        reason=table["reason"].strip(),
        owner=table["owner"].strip(),
        until=_until(table["until"], source.places.at((*path, "until"))),
        at=at,
    )


def _faults(table: Mapping[str, Any], at: At) -> Iterator[str]:
    missing = [part for part in _PARTS if part not in table]
    if missing:
        yield f"has no {' and no '.join(missing)}"
    for part, value in table.items():
        if part not in _PARTS:
            yield " ".join(
                [f"has a part {part}:", *(did_you_mean(str(part), _PARTS) or ["there is none of that name"])]
            )
        elif part != "until" and not (isinstance(value, str) and value.strip()):
            yield f"has {part} = {written(value)}, which is not a text"


def _form(table: Mapping[str, Any]) -> list[str]:
    """The four parts, those that are right as they were written."""
    right = {
        part: value for part, value in table.items() if part in _PARTS and isinstance(value, str) and value.strip()
    }
    return [f"  {part} = {written(right[part])}" if part in right else f"  {form}" for part, form in _PARTS.items()]


def _rule(rule: str, at: At, codes: Collection[str] | None) -> str:
    keys = [
        name for name, key in BY_NAME.items() if not key.arrives_with and name not in ("query", "waive", "plan.rules")
    ]
    if rule in keys or (codes is None and rule.startswith("PB")) or (codes is not None and rule in codes):
        return rule
    remedy = [*did_you_mean(rule, [*sorted(codes or ()), *keys]), f"rules: {', '.join(sorted(codes or ())) or 'none'}"]
    what = f'rule = "{rule}" is neither a rule nor a key'
    raise BudgetError(what, at=at, remedy="\n".join([*remedy, f"keys: {', '.join(keys)}"]))


def _until(value: Any, at: At) -> date:
    """The last day on which the waiver holds; a text in ISO 8601 is as good as TOML's date."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        return date.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        what = f"until = {written(value)} is not a date"
        raise BudgetError(what, at=at, remedy="write year-month-day: until = 2027-01-31") from None
