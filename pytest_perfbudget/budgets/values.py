"""The value written for a key → the typed value of the budget, or an error that shows a good one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import cast

from pytest_perfbudget.budgets.budget import Clause, ClauseKey, GrowthLimit, Limit, Regress, Slowdown
from pytest_perfbudget.budgets.entries import Entry
from pytest_perfbudget.budgets.key import Kind
from pytest_perfbudget.budgets.nearest import did_you_mean
from pytest_perfbudget.errors import BudgetError
from pytest_perfbudget.units import DURATION_FORMS, SIZE_FORMS, ratio, seconds, size

CLIENTS = 64
"""The most that call at once: a server allows 100 connections unless it is told otherwise."""

LEAST, MOST = 0.02, 10.0
"""The slowdowns that ``latency.regress`` can be."""


def limit(entry: Entry) -> Limit:
    """The bound of a count, a number, a duration or a share.

    Raises:
        BudgetError: another type, a number without its unit, less than zero, a share above 100 %.
    """
    read = {Kind.DURATION: _duration, Kind.PERCENTAGE: _share, Kind.SIZE: _size}.get(entry.key.kind, _number)
    text = entry.places.text(entry.path, entry.value)
    return Limit(entry.key.name, read(entry), entry.key.unit, text, entry.at, entry.key.least)


def _share(entry: Entry) -> float:
    share = _percentage(entry, entry.value)
    if share > 1:
        raise entry.refuse("is more than 100%", f"write {entry.key.example}")
    return share


def _number(entry: Entry) -> float:
    value, key = entry.value, entry.key
    whole = key.kind is Kind.COUNT
    noun = f"a whole number ({key.meaning})" if whole else f"a number ({key.meaning})"
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)) or not math.isfinite(value):
        raise entry.refuse(f"is not {noun}", f"write {_meant(entry)}")
    if value < 0:
        raise entry.refuse("is less than 0", f"write 0 to allow none, or more: {key.example}")
    if key.least and value == 0:
        raise entry.refuse("requires nothing", f"write {key.example}")
    return float(value)


def _meant(entry: Entry) -> str:
    """``"40"`` and ``40.0`` mean 40; of anything else the example is shown."""
    text = str(entry.value).replace(",", "").replace("_", "").removesuffix(".0")
    return f"{entry.key.name} = {text}" if text.isdecimal() else entry.key.example


def _duration(entry: Entry) -> float:
    value, name = entry.value, entry.key.name
    text = value.strip() if isinstance(value, str) else str(value)
    if not isinstance(value, bool) and text.replace(".", "", 1).isdecimal():
        raise entry.refuse("has no unit", f'say "{text} ms": {name} = "{text} ms"', f"forms: {DURATION_FORMS}")
    try:
        bound = seconds(value) if isinstance(value, str) else math.nan
    except ValueError:
        bound = math.nan
    if math.isnan(bound):
        raise entry.refuse("is not a duration", f"write {entry.key.example}", f"forms: {DURATION_FORMS}")
    if bound == 0:
        raise entry.refuse("allows no time at all", f"write {entry.key.example}")
    return bound


def _size(entry: Entry) -> float:
    value = entry.value
    try:
        bound = size(value if isinstance(value, str) else "")
    except ValueError:
        raise entry.refuse("is not a size", f"write {entry.key.example}", f"forms: {SIZE_FORMS}") from None
    if bound == 0 and entry.key.name == "memory.peak":
        raise entry.refuse("allows no memory at all", f"write {entry.key.example}")
    return bound


def natural(entry: Entry) -> int:
    """A whole number from 1 to :data:`CLIENTS`.

    Raises:
        BudgetError: anything else.
    """
    value = entry.value
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= CLIENTS:
        raise entry.refuse(f"is not a whole number from 1 to {CLIENTS}", f"write {entry.key.example}")
    return value


def regress(entry: Entry) -> Regress:
    """``"25%"``, or a table of ``ratio`` and ``blocks``; what is not written keeps its default.

    Raises:
        BudgetError: neither of them, or a part of it cannot be used.
    """
    value = entry.value
    if not isinstance(value, Mapping):
        return Regress(ratio=_percentage(entry, value))
    both = 'write work.regress = { ratio = "25%", blocks = 16 }'
    for word in value:
        if word not in ("ratio", "blocks"):
            raise entry.refuse(f"has a part {word}", *did_you_mean(str(word), ("ratio", "blocks")), both)
    default = Regress()
    blocks = value.get("blocks", default.blocks)
    if isinstance(blocks, bool) or not isinstance(blocks, int) or blocks < 0:
        raise entry.refuse("has blocks that are not a whole number of 8 kB blocks, 0 or more", both)
    return Regress(_percentage(entry, value["ratio"]) if "ratio" in value else default.ratio, blocks)


def slowdown(entry: Entry) -> Slowdown:
    """``"10%"``, the slowdown that must be caught.

    Raises:
        BudgetError: no percentage, or one that no measurement can tell from nothing, or that says nothing.
    """
    return _slowdown(entry, LEAST, "half of it must stand out from the noise of a machine")


def margin(entry: Entry) -> Slowdown:
    """``"25%"``, by which a statement may be slower than in recorded runs.

    Raises:
        BudgetError: no percentage, or one that does not hold between two runs, or that says nothing.
    """
    from pytest_perfbudget.measure.stored import ONE_CLASS

    return _slowdown(entry, ONE_CLASS, "figures of two runs differ by less without any change: latency.regress sees it")


def _slowdown(entry: Entry, least: float, why: str) -> Slowdown:
    share = _percentage(entry, entry.value)
    if not least <= share <= MOST:
        words = f"is not between {least:.0%} and {MOST:.0%}"
        raise entry.refuse(words, why, f"write {entry.key.example}")
    return Slowdown(share, entry.places.text(entry.path, entry.value), entry.at)


def growth(entry: Entry) -> GrowthLimit:
    """``"O(log n)"``, an upper bound on growth.

    Raises:
        BudgetError: no text, or none of the forms.
    """
    from pytest_perfbudget.measure.bound import FORMS, parse_bound

    if not isinstance(entry.value, str):
        raise entry.refuse("is not an upper bound in quotes", f"write {entry.key.example}", f"forms: {FORMS}")
    try:
        bound = parse_bound(entry.value)
    except ValueError as error:
        raise BudgetError(
            f"{entry.key.name}: {error}", at=entry.at, remedy=f"for example: {entry.key.example}"
        ) from None
    return GrowthLimit(bound, entry.places.text(entry.path, entry.value), entry.at)


def _percentage(entry: Entry, value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0:
        percent = value * 100 if 0 < value < 1 else value
        raise entry.refuse("has no unit", f'say "{percent:g}%": {entry.key.name} = "{percent:g}%"')
    try:
        return ratio(value if isinstance(value, str) else "")
    except ValueError:
        raise entry.refuse("is not a percentage", f"write {entry.key.example}") from None


def clauses(entry: Entry) -> tuple[Clause, ...]:
    """The patterns of a list.

    Raises:
        BudgetError: no list, or something in it is no pattern.
    """
    value, key = entry.value, entry.key
    if isinstance(value, str):
        raise entry.refuse("is not a list", f'write it in brackets: {key.name} = ["{value}"]')
    if not isinstance(value, list | tuple):
        raise entry.refuse("is not a list of patterns", f"write {key.example}")
    return tuple(_clause(Entry(key, text, (*entry.path, index), entry.places)) for index, text in enumerate(value))


def _clause(entry: Entry) -> Clause:
    from pytest_perfbudget.plans.patterns import Pattern

    if not isinstance(entry.value, str):
        raise entry.refuse("is not a pattern in quotes", f"write {entry.key.example}")
    try:
        pattern = Pattern.parse(entry.value)
    except ValueError as error:
        what = f'{entry.key.name}: "{entry.value}" is not a pattern'
        remedy = [str(error), f"for example: {entry.key.example}"]
        raise BudgetError(what, at=entry.at, remedy="\n".join(remedy)) from None
    return Clause(cast(ClauseKey, entry.key.name), pattern, entry.value, entry.at)


def choice(entry: Entry) -> str:
    """One of the key's words.

    Raises:
        BudgetError: anything else.
    """
    choices = entry.key.choices
    if entry.value in choices:
        return str(entry.value)
    hint = ['say "off"'] if entry.value is False else did_you_mean(str(entry.value), choices)
    raise entry.refuse(f"is not one of {', '.join(choices)}", *hint, f"write {entry.key.example}")


def switch(entry: Entry) -> bool:
    """True or false.

    Raises:
        BudgetError: anything else.
    """
    if isinstance(entry.value, bool):
        return entry.value
    raise entry.refuse("is neither true nor false", f"write {entry.key.example}, without quotes")
