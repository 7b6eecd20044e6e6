"""A statement's execution: within a transaction that tells what it has read, and kept where that is sound."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import pq

from pytest_perfbudget.cache.queries import commits, covering, dependencies, entries, questions, versions
from pytest_perfbudget.cache.queries.calls import Call
from pytest_perfbudget.cache.queries.state import Place, State
from pytest_perfbudget.cache.queries.steps import Ask, Sql, Steps, Unreachable


@dataclass(frozen=True, slots=True)
class Bases:
    """What a call depends on before it is executed: each table's counters, and their bases."""

    depends: Mapping[str, tuple[str, ...]]
    bases: dict[str, str]

    def of(self, held: Collection[int]) -> dict[str, str] | None:
        """The versions of the tables that were read; None if one was not known to be."""
        if not all(str(one) in self.depends for one in held):
            return None
        names = [name for one in (versions.SCHEMA, *map(str, held)) for name in self.depends[one]]
        return {name: self.bases[name] for name in sorted(names)}


def run(state: State, call: Call) -> Steps[pq.abc.PGresult]:
    """The statement, executed and not kept."""
    state.count("executed")
    yield Sql(covering.BEGIN)
    result: pq.abc.PGresult = yield Sql(call.text, call.parameters, own=False)
    yield from commits.commit(state)
    return result


def kept(state: State, place: Place, call: Call, bases: Bases | None) -> Steps[pq.abc.PGresult]:
    """The statement, and its entry unless it turned out to depend on more, to write, or to run as somebody else."""
    known = state.known(call.fingerprint)
    if bases is None or known is None:
        state.count("unkept" if known and known.refusal else "pending")
        return (yield from run(state, call))
    state.count("executed")
    yield Sql(questions.BEGIN_WITH_FUNCTIONS if known.functions else questions.BEGIN)
    before = (yield from _scans()) if known.functions else {}
    began = state.clock()
    result: pq.abc.PGresult = yield Sql(call.text, call.parameters, own=False)
    took = state.clock() - began
    read = questions.value((yield Sql(questions.READ, often=True)))
    after = (yield from _scans()) if known.functions else {}
    held = {*read["held"], *(int(one) for one, scans in after.items() if scans != before.get(one, 0))}
    if not held <= known.seen:
        known = yield from dependencies.add(state, call, known, held)
    yield from commits.commit(state) if read["xid"] else _ended()
    found = bases.of([int(one) for one in known.counters if one != versions.SCHEMA and int(one) in held])
    if found and not read["xid"] and read["session"] == place.session and not known.refusal:
        yield from _kept(state, place, call, result, found, took)
    return result


def _scans() -> Steps[dict[str, int]]:
    """Of each table in this transaction, and in earlier ones not yet reported; no lock is kept."""
    yield Sql("SAVEPOINT asked")
    found: dict[str, int] = questions.value((yield Sql(questions.SCANS)))
    yield Sql("ROLLBACK TO SAVEPOINT asked")
    return found


def _ended() -> Steps[None]:
    yield Sql("COMMIT")


def _kept(
    state: State, place: Place, call: Call, result: pq.abc.PGresult, found: dict[str, str], took: float
) -> Steps[None]:
    settings, name = state.settings, name_of(place, call)
    life = (settings.ttl if result.ntuples else settings.ttl_empty) * (1 - settings.jitter * state.random())
    entry = entries.of_result(result, found, state.wall() + life, took)
    data = entries.encode(entry, name, settings.secret, settings.compress_from, settings.largest)
    if data is None:
        state.count("too_large")
        return
    keys: Sequence[str] = [f"e:{name}", *map(versions.key, entry.versions)]
    try:
        done: Any = yield Ask(
            place.server, "store", tuple(keys), (data, max(int(life * 1000), 1), *entry.versions.values())
        )
        state.count("kept" if done else "overtaken")
    except Unreachable:
        state.count("unreachable")


def name_of(place: Place, call: Call) -> str:
    """Of the entry, within one server."""
    return f"{place.session[:16]}{call.name}"
