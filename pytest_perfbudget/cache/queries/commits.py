"""A writer's commit: a mark in every counter it concerns before, the marks settled after.

A writer that dies in between leaves its marks; readers ask PostgreSQL what became of it. A writer that cannot reach
Redis leaves a debt in the database, part of its transaction, and its commit returns when no reader's licence is older
than it.
"""

from __future__ import annotations

from typing import Any

from psycopg import pq

from pytest_perfbudget.cache.queries import questions, versions
from pytest_perfbudget.cache.queries.state import State
from pytest_perfbudget.cache.queries.steps import Ask, Sql, Steps, Turn, Unreachable, Wait
from pytest_perfbudget.errors import CacheError

LOOK = (Sql("SET CONSTRAINTS ALL IMMEDIATE"), Sql(questions.WRITTEN, often=True))
"""What deferred triggers write is written before we look. The last answer is for :func:`end`."""


def commit(state: State) -> Steps[None]:
    """Commits the connection's transaction; nothing is asked of Redis where it has written nothing."""
    *_, written = yield Turn(LOOK)
    yield from end(state, written)


def end(state: State, looked: pq.abc.PGresult) -> Steps[None]:
    """Commits a transaction in which nothing was executed since it was looked at."""
    written = questions.value(looked)
    if not written["xid"]:
        yield Sql("COMMIT")
        return
    yield from _announced(state, written, _counters(written))


def prepare(state: State, name: str) -> Steps[None]:
    """PREPARE TRANSACTION: marks that whoever meets them settles. Raises CacheError without Redis."""
    *_, looked = yield Turn(LOOK)
    written = questions.value(looked)
    if written["xid"] and (counters := _counters(written)):
        try:
            yield _asked("mark", written, counters)
        except Unreachable as error:
            raise CacheError(f"a prepared transaction cannot be announced: {error}", remedy="roll it back") from error
    yield Sql(f"PREPARE TRANSACTION {name}")


def _counters(written: dict[str, Any]) -> list[str]:
    """Of each table, its own counter and those of the keys it has changed, or the one for changes without keys."""
    found = [versions.SCHEMA] if written["schema"] else []
    for table in map(str, sorted(written["relations"])):
        keys = written["keys"].get(table, "*")
        found += [table, *([versions.whole(table)] if keys == "*" else [f"{table}.{one}" for one in _told(keys)])]
    return found


def _told(keys: str) -> list[str]:
    return keys.split(",") if keys else []


def _asked(script: str, written: dict[str, Any], counters: list[str]) -> Ask:
    keys = tuple(map(versions.key, counters))
    return Ask(written["server"], script, keys, (written["xid"], *(versions.fresh() for _ in keys)))


def _announced(state: State, written: dict[str, Any], counters: list[str]) -> Steps[None]:
    licence = state.settings.licence
    # a reader may not know yet that the server is a new one; its clock may have been set back since
    held_back = min(max(licence - written["age"], 0.0), licence)
    if counters:
        try:
            yield _asked("mark", written, counters)
        except Unreachable:
            held_back = licence
            state.count("owed")
            yield Sql(questions.OWE, (counters,))
    yield Sql("COMMIT")
    if counters:
        try:
            yield _asked("settle", written, counters)
        except Unreachable:
            state.count("unsettled")  # a reader will
    if held_back:
        yield Wait(held_back)
