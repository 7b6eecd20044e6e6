"""A table of keys → a budget. TOML files and markers are both read here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal, cast

from pytest_perfbudget.budgets.budget import Budget, Capture, Clause, PlanBaseline, Route, Server
from pytest_perfbudget.budgets.contradictions import contradictions, idle
from pytest_perfbudget.budgets.entries import Entry, Source, entries
from pytest_perfbudget.budgets.keys import BY_NAME
from pytest_perfbudget.budgets.places import Path, written
from pytest_perfbudget.budgets.rules import rules
from pytest_perfbudget.budgets.values import (
    choice,
    clauses,
    growth,
    limit,
    margin,
    natural,
    regress,
    slowdown,
    switch,
)
from pytest_perfbudget.budgets.waivers import waivers
from pytest_perfbudget.errors import BudgetError

_OF_THE_TEST = ("pool.", "cache.", "plan_cache.", "throughput.", "clients", "cpu.", "memory.")
_WHOLE = tuple(name for name in BY_NAME if name.startswith(_OF_THE_TEST))

_ELSEWHERE = {
    "suite": ("query", "waive"),
    "query": ("query", "waive", "plan.baseline", "work.regress", "latency.writes", "capture", *_WHOLE),
    "budget": (),
}
"""Keys that a kind of table cannot hold, because they are about one budget as a whole."""

Scope = Literal["budget", "suite", "query"]


def read(
    name: str,
    table: Mapping[str, Any],
    path: Path,
    source: Source,
    *,
    scope: Scope = "budget",
    base: Budget | None = None,
) -> Budget:
    """The budget ``name`` written in ``table``; its own keys go before those of ``base``.

    What is wrong becomes complaints of ``source``; the budget is complete only if there are none.
    """
    at = source.places.at(path)
    budget = replace(base, name=name, at=at) if base else Budget(name, at)
    ordered = sorted(entries(table, path, source), key=lambda entry: entry.key.name == "query")
    for entry in ordered:
        with source.complaints.collecting():
            if entry.key.name in _ELSEWHERE[scope]:
                raise _misplaced(entry, scope)
            budget = _take(budget, entry, source, scope)
    own = [] if scope == "suite" else [entry for entry in ordered if entry.key.name not in _ELSEWHERE[scope]]
    for error in (*contradictions(budget), *idle(budget, own)):
        source.complaints.add(error)
    return budget


def _take(budget: Budget, entry: Entry, source: Source, scope: Scope) -> Budget:
    if entry.key.limits:
        found = limit(entry)
        return replace(budget, limits={**budget.limits, found.key: found})
    match entry.key.name:
        case "plan.forbid" | "plan.require" as key:
            return replace(budget, clauses=_replaced(budget.clauses, key, clauses(entry)))
        case "plan.baseline":
            return replace(budget, plan_baseline=cast(PlanBaseline, choice(entry)))
        case "plan.generic":
            return replace(budget, plan_generic=entry.at if switch(entry) else None)
        case "plan.rules":
            return replace(budget, rules={**budget.rules, **rules(entry, source, narrowed=scope == "query")})
        case "route":
            return replace(budget, route=Route(cast(Server, choice(entry)), entry.at))
        case "capture":
            return replace(budget, capture=cast(Capture, choice(entry)))
        case "latency.writes":
            return replace(budget, latency_writes=switch(entry))
        case "latency.regress":
            return replace(budget, latency_regress=slowdown(entry))
        case "latency.baseline":
            return replace(budget, latency_baseline=margin(entry))
        case "latency.always":
            return replace(budget, latency_always=switch(entry))
        case "growth":
            return replace(budget, growth=growth(entry))
        case "clients":
            return replace(budget, clients=natural(entry))
        case "work.regress":
            return replace(budget, regress=regress(entry))
        case "waive":
            return replace(budget, waivers=waivers(entry, source))
        case _:
            return replace(budget, queries=_narrowed(budget, entry, source))


def _replaced(old: tuple[Clause, ...], key: str, new: tuple[Clause, ...]) -> tuple[Clause, ...]:
    """What a budget writes itself stands in place of the file's default of the same key."""
    return (*(clause for clause in old if clause.key != key), *new)


def _narrowed(budget: Budget, entry: Entry, source: Source) -> dict[str, Budget]:
    """``query.NAME``: limits and clauses of its own; margin and baseline rule are those of the budget around it."""
    if not isinstance(entry.value, Mapping):
        raise entry.refuse("is not a table of names", f"write {entry.key.example}")
    bare = replace(
        budget,
        clauses=(),
        limits={},
        waivers=(),
        route=None,
        rules={},
        plan_generic=None,
        latency_regress=None,
        latency_baseline=None,
        growth=None,
    )
    found = {}
    for name, keys in entry.value.items():
        where = (*entry.path, name)
        with source.complaints.collecting():
            if not isinstance(keys, Mapping):
                what = f"query.{name} = {written(keys)} is not a table of keys"
                remedy = f"query.NAME narrows to the statements of NAME(): query.{name}.work.buffers = 25"
                raise BudgetError(what, at=source.places.at(where), remedy=remedy)
            found[name] = read(f"{budget.name}.query.{name}", keys, where, source, scope="query", base=bare)
    return found


def _misplaced(entry: Entry, scope: Scope) -> BudgetError:
    table = "[suite]" if scope == "suite" else "query.NAME"
    what = f"{entry.key.name} cannot stand in {table}: it is about one budget as a whole"
    remedy = f"move it into the table of a budget, such as [recent]:\n  {entry.key.example}"
    return BudgetError(what, at=entry.at, remedy=remedy)
