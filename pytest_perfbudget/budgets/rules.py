"""``plan.rules``: which plan rules a budget makes promises of, with which thresholds, and which it silences."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pytest_perfbudget.budgets.budget import RuleSetting
from pytest_perfbudget.budgets.entries import Entry, Source
from pytest_perfbudget.budgets.nearest import did_you_mean
from pytest_perfbudget.budgets.places import Path, written
from pytest_perfbudget.errors import BudgetError

_FORMS = 'write "on", "off" or a table of its options'


def rules(entry: Entry, source: Source, *, narrowed: bool) -> dict[str, RuleSetting]:
    """The settings by code; what is wrong with one of them becomes a complaint.

    ``narrowed`` says that the table is of ``query.NAME``, which adds promises and takes none away.

    Raises:
        BudgetError: no table.
    """
    if not isinstance(entry.value, Mapping):
        raise entry.refuse("is not a table of rules", f"write {entry.key.example}")
    found = {}
    for code, value in entry.value.items():
        with source.complaints.collecting():
            found[code] = _Reader(str(code), value, (*entry.path, code), source).setting(narrowed)
    return found


class _Reader:
    """One rule's value while it is read."""

    def __init__(self, code: str, value: Any, path: Path, source: Source) -> None:
        self._code, self._value, self._path, self._source = code, value, path, source
        codes = source.codes
        known = codes is None or code in codes
        self._known: Mapping[str, float] | None = codes[code] if codes is not None and known else None
        if not known or (codes is None and not code.startswith("PB")):
            remedy = [*did_you_mean(code, codes or ()), f"rules: {', '.join(sorted(codes or ())) or 'none'}"]
            raise self._error(f"plan.rules: there is no rule {code}", *remedy)

    def setting(self, narrowed: bool) -> RuleSetting:
        at, value = self._source.places.at(self._path), self._value
        if isinstance(value, Mapping):
            return RuleSetting(self._code, True, self._thresholds(value), written(value), at)
        if value not in ("on", "off"):
            what = f'plan.rules.{self._code} = {written(value)} is neither "on" nor "off"'
            raise self._error(what, *self._meant())
        if value == "off" and narrowed:
            what = f"plan.rules.{self._code} cannot be off in query.NAME: it holds beside the budget, never instead"
            raise self._error(what, f"switch it off for the budget, or waive {self._code}")
        return RuleSetting(self._code, value == "on", {}, written(value), at)

    def _meant(self) -> list[str]:
        value, known = self._value, self._known or {}
        if isinstance(value, bool):
            return [f'say "{"on" if value else "off"}"', _FORMS]
        if isinstance(value, int | float) and known:
            option = next(iter(known))
            return [f"say {{ {option} = {written(value)} }}", _FORMS, self._options()]
        return [*did_you_mean(str(value), ("on", "off")), _FORMS, self._options()]

    def _thresholds(self, table: Mapping[str, Any]) -> dict[str, float]:
        for name, value in table.items():
            where = (*self._path, name)
            if self._known is not None and name not in self._known:
                what = f"plan.rules.{self._code} has an option {name}, and the rule has none of that name"
                raise self._error(what, *did_you_mean(str(name), self._known), self._options(), path=where)
            number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
            if not number or value < 0:
                what = f"plan.rules.{self._code}.{name} = {written(value)} is not a number, 0 or more"
                raise self._error(what, self._options(), path=where)
        return {name: float(value) for name, value in table.items()}

    def _options(self) -> str:
        if not self._known:
            return f"{self._code} has no options"
        return "options: " + ", ".join(f"{name} (default {value:,g})" for name, value in self._known.items())

    def _error(self, what: str, *remedy: str, path: Path = ()) -> BudgetError:
        return BudgetError(what, at=self._source.places.at(path or self._path), remedy="\n".join(remedy))
