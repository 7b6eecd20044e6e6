"""A read: from Redis where all versions are those of the entry, else from PostgreSQL, and kept where that is sound.

The counters are read before the statement's snapshot is taken. An entry is current as long as none of them has changed:
whoever commits changes them before the commit is acknowledged, and nobody keeps a result while a writer may still
commit.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from psycopg import Error, pq
from psycopg.errors import UndefinedTable

from pytest_perfbudget.cache.queries import counters, decoding, dependencies, entries, executions, questions, versions
from pytest_perfbudget.cache.queries.calls import Call
from pytest_perfbudget.cache.queries.entries import Entry
from pytest_perfbudget.cache.queries.executions import Bases, name_of
from pytest_perfbudget.cache.queries.state import Place, State
from pytest_perfbudget.cache.queries.steps import Ask, Sql, Steps, Unreachable, Wait
from pytest_perfbudget.errors import CacheError

_POLL, _RARELY = 0.005, 0.1  # seconds between looks at an entry that another caller is making, at first and at last
_LATE = 0.25  # of the time waited, by which it may be seen late: who waits for long looks rarely
_LESSONS = 4
"""Times that something is learned of a statement, by this caller or one that it waited for, or the schema changes."""
_INSTALL = "call install() of the cache once in this database, as a migration"
_NONE = "none"
"""A key that there never is: what has become a replica refuses to delete it, and what is full does not."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The result, as an entry that was kept or as PostgreSQL gave it."""

    entry: Entry | None
    result: pq.abc.PGresult | None = None


def look_up(state: State, place: Place, call: Call) -> Steps[Entry | None]:
    """The entry, if it is current; one MGET where what the statement depends on is known."""
    name = name_of(place, call)
    asked = state.asked(call.name, lambda: _names(dependencies.counters(state, call, state.known(call.fingerprint))))
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
            state.ask(call.name, tuple(entry.versions))
    except Unreachable:
        return None
    return entry if all(current[one] == base for one, base in entry.versions.items()) else None


def due(state: State, entry: Entry) -> bool:
    """Whether this caller renews an entry that is still good, lest many meet its end together.

    A. Vattani, F. Chierichetti, K. Lowenstein: Optimal Probabilistic Cache Stampede Prevention, PVLDB 8 (2015).
    """
    left = entry.until - state.wall()
    return 0 < left <= -entry.took * state.settings.early * math.log(1 - state.random())


def miss(state: State, call: Call, began: float, kept: Entry | None = None) -> Steps[Answer]:
    """The answer, of PostgreSQL where Redis has none but ``kept``, which is due; the connection is idle before and
    after."""
    try:
        place = yield from licence(state, began)
        if not place:
            return Answer(None, (yield from executions.run(state, call)))
        if not kept and (entry := (yield from look_up(state, place, call))):
            state.count("hits", call.fingerprint)
            return Answer(entry)
        known = state.known(call.fingerprint)
        if known and known.refusal and not (yield from _bases(state, place, call)):
            state.count("unkept")
            return Answer(None, (yield from executions.run(state, call)))
        token = secrets.token_hex(8)
        if not (yield from _first(state, place, call, token)):
            return (yield from _others(state, place, call, kept))
    except Unreachable:
        return Answer(None, (yield from _alone(state, call)))
    try:
        result = yield from _made(state, place, call, early=bool(kept))
    except GeneratorExit:  # a protocol that is closed cannot ask any more
        raise
    except BaseException:  # a caller that was cancelled as well
        yield from _released(state, place, call, token)
        raise
    yield from _released(state, place, call, token)
    return Answer(None, result)


def _made(state: State, place: Place, call: Call, *, early: bool) -> Steps[pq.abc.PGresult]:
    """The result, by the caller that has the flight."""
    try:
        bases = yield from _bases(state, place, call)
    except Unreachable:
        return (yield from _alone(state, call))
    if early:
        state.count("early")
    return (yield from executions.kept(state, place, call, bases))


def _alone(state: State, call: Call) -> Steps[pq.abc.PGresult]:
    """Without Redis."""
    state.count("unreachable")
    return (yield from executions.run(state, call))


def _others(state: State, place: Place, call: Call, kept: Entry | None) -> Steps[Answer]:
    """While another caller executes the statement: what there was before, or the entry it makes, or one's own."""
    if kept:
        state.count("hits", call.fingerprint)
        return Answer(kept)
    entry = yield from _awaited(state, place, call)
    state.count("shared", call.fingerprint) if entry else state.count("alone")
    return Answer(entry, None if entry else (yield from executions.run(state, call)))


def licence(state: State, began: float) -> Steps[Place | None]:
    """Where hits are allowed: PostgreSQL, asked a moment ago, named no debt, or all that it named were paid; and its
    slot of changes, if it has one, was read as far."""
    return state.licensed(began) or (yield from _granted(state, began))


def renew(state: State) -> Steps[None]:
    """The licence, by one caller before it ends, lest all that are about ask at once when it has. One that cannot be
    renewed lasts until its end."""
    _, ends = state.granted
    with suppress(Unreachable, Error, CacheError):
        yield from _granted(state, ends)


def _granted(state: State, began: float) -> Steps[Place | None]:
    until = state.clock() + state.settings.licence
    try:
        found = questions.value((yield Sql(questions.STATE, often=True)))
    except UndefinedTable as error:
        raise CacheError(f"the table public.{questions.DEBTS} is missing", remedy=_INSTALL) from error
    if not found["plain"]:
        state.grant(None, until)
        return None
    place = Place(found["server"], found["session"])
    if found["decoded"] and not (yield from decoding.caught_up(state, place.server, found["decoded"], began)):
        if not (another := state.licensed(began)):
            state.count("undecoded")
        return another
    if found["debts"]:
        yield from _pay(place.server, found["debts"])
    yield Ask(place.server, "DEL", (_NONE,))
    state.grant(place, until)
    return place


def _pay(server: str, debts: list[tuple[int, list[str]]]) -> Steps[None]:
    keys = tuple(versions.key(one) for one in sorted({one for _, owed in debts for one in owed}))
    yield Ask(server, "touch", keys, tuple(versions.fresh() for _ in keys))
    yield Sql(questions.PAID, ([number for number, _ in debts],))


def _bases(state: State, place: Place, call: Call) -> Steps[Bases | None]:
    """The bases of all it depends on, learned anew for another schema; None where results are not kept now."""
    life = int(state.settings.ttl * 1000)
    for _ in range(_LESSONS):
        known = state.known(call.fingerprint)
        depends = dependencies.counters(state, call, known)
        tables = tuple(table for table, names in depends.items() if table not in names)
        bases = yield from counters.clean(place.server, _names(depends), tables, life)
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
    return bool((yield Ask(place.server, "SET", (f"f:{name_of(place, call)}",), (token, "NX", "PX", limit))))


def _awaited(state: State, place: Place, call: Call) -> Steps[Entry | None]:
    """The entry another caller is making, None if it makes none in time."""
    flight = f"f:{name_of(place, call)}"
    began = state.clock()
    while (waited := state.clock() - began) < state.settings.flight:
        yield Wait(min(max(_LATE * waited, _POLL), _RARELY))
        if entry := (yield from look_up(state, place, call)):
            return entry
        if (yield Ask(place.server, "MGET", (flight,)))[0] is None:
            return (yield from look_up(state, place, call))
    return None


def _released(state: State, place: Place, call: Call, token: str) -> Steps[None]:
    try:
        yield Ask(place.server, "release", (f"f:{name_of(place, call)}",), (token,))
    except Unreachable:
        state.count("unreachable")
