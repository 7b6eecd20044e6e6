"""A read: from Redis where all versions are those of the entry, else from PostgreSQL, and kept where that is sound.

The counters are read before the statement's snapshot is taken. An entry is current as long as none of them has changed:
whoever commits changes them before the commit is acknowledged, and nobody keeps a result while a writer may still
commit.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Error, pq

from pytest_perfbudget.cache.queries import commits, counters, covering, dependencies, entries, questions, versions
from pytest_perfbudget.cache.queries.calls import Call
from pytest_perfbudget.cache.queries.entries import Entry
from pytest_perfbudget.cache.queries.state import Place, State
from pytest_perfbudget.cache.queries.steps import Ask, Sql, Steps, Unreachable, Wait

_POLL = 0.005  # seconds between looks at an entry that another caller is making


@dataclass(frozen=True, slots=True)
class Answer:
    """The result, as an entry that was kept or as PostgreSQL gave it."""

    entry: Entry | None
    result: pq.abc.PGresult | None = None


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


def look_up(state: State, place: Place, call: Call) -> Steps[Entry | None]:
    """The entry, if it is current; one MGET where what the statement depends on is known."""
    name = _name(place, call)
    asked = _names(dependencies.counters(state, call, state.known(call.fingerprint)))
    try:
        data, *values = yield Ask(place.server, "MGET", (f"e:{name}", *map(versions.key, asked)))
        if data is None:
            return None
        entry = entries.decode(data, name, state.settings.secret, state.settings.largest)
        if entry is None:
            state.count("refused")
            return None
        current = dict(zip(asked, map(counters.text, values), strict=True))
        if further := [one for one in entry.versions if one not in current]:
            values = yield Ask(place.server, "MGET", tuple(map(versions.key, further)))
            current |= zip(further, map(counters.text, values), strict=True)
    except Unreachable:
        return None
    return entry if all(current[one] == base for one, base in entry.versions.items()) else None


def miss(state: State, call: Call, began: float) -> Steps[Answer]:
    """The answer, of PostgreSQL where Redis has none; the connection is idle before and after."""
    try:
        place = yield from licence(state, began)
        if not place:
            return Answer(None, (yield from run(state, call)))
        if entry := (yield from look_up(state, place, call)):
            state.count("hits")
            return Answer(entry)
        known = state.known(call.fingerprint)
        if known and known.refusal and not (yield from _bases(state, place, call)):
            state.count("unkept")
            return Answer(None, (yield from run(state, call)))
        token = secrets.token_hex(8)
        if not (yield from _first(state, place, call, token)):
            entry = yield from _awaited(state, place, call)
            state.count("shared" if entry else "alone")
            return Answer(entry, None if entry else (yield from run(state, call)))
        bases = yield from _bases(state, place, call)
    except Unreachable:
        state.count("unreachable")
        return Answer(None, (yield from run(state, call)))
    try:
        result = yield from _executed(state, place, call, bases)
    except Error:  # not of a protocol that is closed: it cannot ask any more
        yield from _released(state, place, call, token)
        raise
    yield from _released(state, place, call, token)
    return Answer(None, result)


def run(state: State, call: Call) -> Steps[pq.abc.PGresult]:
    """The statement, executed and not kept."""
    state.count("executed")
    yield Sql(covering.BEGIN)
    result: pq.abc.PGresult = yield Sql(call.text, call.parameters, own=False)
    yield from commits.commit(state)
    return result


def licence(state: State, began: float) -> Steps[Place | None]:
    """Where hits are allowed: PostgreSQL, asked a moment ago, named no debt, or all that it named were paid."""
    place = state.licensed(began)
    if not place:
        until = state.clock() + state.settings.licence
        found = questions.value((yield Sql(questions.STATE)))
        if not found["plain"]:
            state.grant(None, until)
            return None
        place = Place(found["server"], found["session"])
        if found["debts"]:
            yield from _pay(place.server, found["debts"])
        state.grant(place, until)
    return place


def _pay(server: str, debts: list[tuple[int, list[str]]]) -> Steps[None]:
    keys = tuple(versions.key(one) for one in sorted({one for _, owed in debts for one in owed}))
    yield Ask(server, "touch", keys, tuple(versions.fresh() for _ in keys))
    yield Sql(questions.PAID, ([number for number, _ in debts],))


def _bases(state: State, place: Place, call: Call) -> Steps[Bases | None]:
    """The bases of all it depends on, learned anew for another schema; None where results are not kept now."""
    life = int(state.settings.ttl * 1000)
    for _ in range(3):
        known = state.known(call.fingerprint)
        depends = dependencies.counters(state, call, known)
        bases = yield from counters.clean(place.server, _names(depends), life)
        if bases is None:
            return None
        if not (yield from dependencies.learned(state, call, known, place, bases[versions.SCHEMA])):
            return None if known and known.refusal else Bases(depends, bases)
    return None


def _names(depends: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(name for names in depends.values() for name in names)


def _first(state: State, place: Place, call: Call, token: str) -> Steps[bool]:
    """Whether this caller is the one that executes the statement."""
    limit = int(state.settings.flight * 1000)
    return bool((yield Ask(place.server, "SET", (f"f:{_name(place, call)}",), (token, "NX", "PX", limit))))


def _awaited(state: State, place: Place, call: Call) -> Steps[Entry | None]:
    """The entry another caller is making, None if it makes none in time."""
    flight = f"f:{_name(place, call)}"
    end = state.clock() + state.settings.flight
    while state.clock() < end:
        yield Wait(_POLL)
        if entry := (yield from look_up(state, place, call)):
            return entry
        if (yield Ask(place.server, "MGET", (flight,)))[0] is None:
            return (yield from look_up(state, place, call))
    return None


def _executed(state: State, place: Place, call: Call, bases: Bases | None) -> Steps[pq.abc.PGresult]:
    """The statement, and its entry unless it turned out to depend on more, to write, or to run as somebody else."""
    known = state.known(call.fingerprint)
    if bases is None or known is None:
        state.count("unkept" if known and known.refusal else "pending")
        return (yield from run(state, call))
    state.count("executed")
    yield Sql(questions.BEGIN_WITH_FUNCTIONS if known.functions else questions.BEGIN)
    before = (yield from _scans()) if known.functions else {}
    result: pq.abc.PGresult = yield Sql(call.text, call.parameters, own=False)
    read = questions.value((yield Sql(questions.READ)))
    after = (yield from _scans()) if known.functions else {}
    held = {*read["held"], *(int(one) for one, scans in after.items() if scans != before.get(one, 0))}
    if not held <= known.seen:
        known = yield from dependencies.add(state, call, known, held)
    yield from commits.commit(state) if read["xid"] else _ended()
    found = bases.of([int(one) for one in known.counters if one != versions.SCHEMA and int(one) in held])
    if found and not read["xid"] and read["session"] == place.session and not known.refusal:
        yield from _kept(state, place, call, entries.of_result(result, found))
    return result


def _scans() -> Steps[dict[str, int]]:
    """Of each table in this transaction, and in earlier ones not yet reported; no lock is kept."""
    yield Sql("SAVEPOINT asked")
    found: dict[str, int] = questions.value((yield Sql(questions.SCANS)))
    yield Sql("ROLLBACK TO SAVEPOINT asked")
    return found


def _ended() -> Steps[None]:
    yield Sql("COMMIT")


def _kept(state: State, place: Place, call: Call, entry: Entry) -> Steps[None]:
    settings, name = state.settings, _name(place, call)
    data = entries.encode(entry, name, settings.secret, settings.compress_from)
    if len(data) > settings.largest:
        state.count("too_large")
        return
    life = (settings.ttl if entry.rows else settings.ttl_empty) * (1 - settings.jitter * state.random())
    keys: Sequence[str] = [f"e:{name}", *map(versions.key, entry.versions)]
    try:
        done: Any = yield Ask(
            place.server, "store", tuple(keys), (data, max(int(life * 1000), 1), *entry.versions.values())
        )
        state.count("kept" if done else "overtaken")
    except Unreachable:
        state.count("unreachable")


def _released(state: State, place: Place, call: Call, token: str) -> Steps[None]:
    try:
        yield Ask(place.server, "release", (f"f:{_name(place, call)}",), (token,))
    except Unreachable:
        state.count("unreachable")


def _name(place: Place, call: Call) -> str:
    return f"{place.session[:16]}{call.name}"
