"""A table of keys, nested or dotted, as flat entries of the vocabulary."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_perfbudget.budgets.complaints import Complaints
from pytest_perfbudget.budgets.key import Key
from pytest_perfbudget.budgets.keys import BY_NAME, GROUPS, judged_in
from pytest_perfbudget.budgets.nearest import did_you_mean
from pytest_perfbudget.budgets.places import Path, Places, written
from pytest_perfbudget.errors import At, BudgetError

Codes = Mapping[str, Mapping[str, float]]
"""The code of each rule → its thresholds by name, with their defaults."""


@dataclass(frozen=True, slots=True)
class Source:
    """What is being read: where its values stand, the rules that exist (None: not checked), what is wrong."""

    places: Places
    codes: Codes | None
    complaints: Complaints


@dataclass(frozen=True, slots=True)
class Entry:
    """A known key that is judged, and the value written for it, not yet checked."""

    key: Key
    value: Any
    path: Path
    places: Places

    @property
    def at(self) -> At:
        return self.places.at(self.path)

    def refuse(self, why: str, *remedy: str) -> BudgetError:
        """The error that names key and value: ``work.buffers = -1 is less than 0``."""
        return BudgetError(f"{self.key.name} = {written(self.value)} {why}", at=self.at, remedy="\n".join(remedy))


def entries(table: Mapping[Any, Any], path: Path, source: Source) -> Iterator[Entry]:
    """The entries of a budget's table; keys that cannot be used become complaints."""
    seen: dict[str, At] = {}
    for name, where, value in _flat(table, "", path):
        at = source.places.at(where)
        try:
            key = _key(name, value, where, at)
        except BudgetError as error:
            source.complaints.add(error)
            continue
        if seen.setdefault(name, at) is not at:
            what = f"{name} is set twice, first at {seen[name]}"
            source.complaints.add(BudgetError(what, at=at, remedy="keep one of the two"))
        yield Entry(key, value, where, source.places)


def _flat(table: Mapping[Any, Any], prefix: str, path: Path) -> Iterator[tuple[str, Path, Any]]:
    for word, value in table.items():
        name = f"{prefix}.{word}" if prefix else str(word)
        where = (*path, word)
        if name in GROUPS and isinstance(value, Mapping):
            yield from _flat(value, name, where)
        else:
            yield name, where, value


def _key(name: str, value: Any, path: Path, at: At) -> Key:
    """The key of that name.

    Raises:
        BudgetError: there is none, or it is not judged yet.
    """
    key = BY_NAME.get(name)
    if key is None:
        raise _unknown(name, value, path, at)
    if key.arrives_with:
        group = name.partition(".")[0]
        now = judged_in(group)
        remedy = ["take it out until then", *([f"keys of {group} that are judged: {', '.join(now)}"] if now else [])]
        raise BudgetError(f"{name} arrives with {key.arrives_with}", at=at, remedy="\n".join(remedy))
    return key


def _unknown(name: str, value: Any, path: Path, at: At) -> BudgetError:
    group = name.partition(".")[0]
    if name in GROUPS:
        what = f"{name} = {written(value)} is not a table: {name} is the first word of keys"
        remedy = ["write:", *(f"  {BY_NAME[f'{group}.{word}'].example}" for word in judged_in(group)[:2])]
    elif group in GROUPS:
        what = f"{name} is not a key of a budget"
        now = ", ".join(judged_in(group)) or "none is judged yet"
        remedy = [*did_you_mean(name, BY_NAME), f"keys of {group}: {now}"]
    else:
        what = f"{name} is not a key of a budget"
        remedy = [*(_meant_table(name, value, path) if isinstance(value, Mapping) else did_you_mean(name, BY_NAME))]
        remedy += ["keys:", *(f"  {word}.{' .'.join(judged_in(word))}" for word in GROUPS if judged_in(word))]
        remedy += ["  query.NAME", "  waive"]
    return BudgetError(what, at=at, remedy="\n".join(remedy))


def _meant_table(name: str, table: Mapping[Any, Any], path: Path) -> list[str]:
    """A misspelt group (``works.buffers``), a query without the word ``query``, or a budget one floor too low."""
    for word in table:
        group = did_you_mean(name, GROUPS)
        if group or f"{name}.{word}" in BY_NAME:
            return did_you_mean(f"{name}.{word}", BY_NAME) or group
    if path[:-1] in (("budgets",), ("budget",)):
        return [f"a budget is a table at the top of its file: [{name}]"]
    within = ".".join([*(part for part in path[:-1] if isinstance(part, str)), "query", name])
    return [f"to narrow to the statements of {name}(): [{within}]"]
