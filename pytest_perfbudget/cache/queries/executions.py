"""A statement's execution: within a transaction that tells what it has read, and kept where that is sound."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from psycopg import Error, pq

from pytest_perfbudget.cache.queries import commits, covering, dependencies, entries, questions, versions
from pytest_perfbudget.cache.queries.calls import Call, Parameters
from pytest_perfbudget.cache.queries.state import Place, State
from pytest_perfbudget.cache.queries.steps import Ask, Sql, Steps, Turn, Unreachable

_ANNOUNCED = (Sql("BEGIN"), Sql(covering.ANNOUNCE))
_READ, _COMMIT = Sql(questions.READ_ONLY, often=True), Sql("COMMIT")
_SCANS = (Sql("SAVEPOINT asked"), Sql(questions.SCANS), Sql("ROLLBACK TO SAVEPOINT asked"))
"""Of each table in this transaction, and in earlier ones not yet reported; no lock is kept."""


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


@dataclass(frozen=True, slots=True)
class Executed:
    """A statement's result, and what its transaction has read: by its locks, and by the scans of functions."""

    result: pq.abc.PGresult
    read: Mapping[str, Any]
    scanned: frozenset[int] = frozenset()

    @property
    def held(self) -> set[int]:
        return {*self.read["held"], *self.scanned}


def run(state: State, call: Call) -> Steps[pq.abc.PGresult]:
    """The statement, executed and not kept."""
    state.count("executed")
    statement = Sql(call.text, call.parameters, own=False)
    answers: list[pq.abc.PGresult] = yield Turn((*_ANNOUNCED, statement, *commits.LOOK))
    yield from commits.end(state, answers[-1])
    return answers[len(_ANNOUNCED)]


def run_text(state: State, text: str, parameters: Parameters) -> Steps[pq.abc.PGresult]:
    """What may be several statements, or one that can be in no pipeline."""
    state.count("executed")
    yield Sql(covering.BEGIN)
    result: pq.abc.PGresult = yield Sql(text, parameters, own=False)
    yield from commits.commit(state)
    return result


def kept(state: State, place: Place, call: Call, bases: Bases | None) -> Steps[pq.abc.PGresult]:
    """The statement, and its entry unless it turned out to depend on more, to write, or to run as somebody else."""
    known = state.known(call.fingerprint)
    if bases is None or known is None:
        state.count("unkept" if known and known.refusal else "pending")
        return (yield from run(state, call))
    state.count("executed")
    began = state.clock()
    try:
        executed = yield from (_with_functions if known.functions else _executed)(call)
    except Error as error:
        if questions.WROTE not in str(error):
            raise
        yield Sql("ROLLBACK")
        state.remember(call.fingerprint, replace(known, refusal="it writes"))
        return (yield from run(state, call))
    took = state.clock() - began
    held, read = executed.held, executed.read
    if not held <= known.seen:
        known = yield from dependencies.add(state, call, known, held)
    found = bases.of([int(one) for one in known.counters if one != versions.SCHEMA and int(one) in held])
    if found and read["session"] == place.session and not known.refusal:
        yield from _kept(state, place, call, executed.result, found, took)
    return executed.result


def _executed(call: Call) -> Steps[Executed]:
    """In a transaction of one turn. Its snapshot is taken by the server when the turn has arrived there, after the
    counters were read; and what it has read is asked when it has ended, and holds its locks still. One that has written
    is not committed: that is to be announced before."""
    statement = Sql(call.text, call.parameters, own=False)
    _, result, read, _ = yield Turn((Sql(questions.BEGIN), statement, _READ, _COMMIT))
    return Executed(result, questions.value(read))


def _with_functions(call: Call) -> Steps[Executed]:
    """The same, between two looks at the scans of each table."""
    statement = Sql(call.text, call.parameters, own=False)
    begin = (Sql(questions.BEGIN), Sql(questions.ALONE))
    *_, before, _, result, read, _, after, _, _ = yield Turn((*begin, *_SCANS, statement, _READ, *_SCANS, _COMMIT))
    scans = questions.value(before)
    scanned = frozenset(int(one) for one, number in questions.value(after).items() if number != scans.get(one, 0))
    return Executed(result, questions.value(read), scanned)


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
