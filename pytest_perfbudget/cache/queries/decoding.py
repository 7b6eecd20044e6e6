"""Writers covered by logical decoding: whoever needs a licence reads what the slot has of changes, and pays for them.

What had been committed when PostgreSQL was asked lies before the position of its WAL at that time. The slot is
advanced behind what was paid only. So where it stands behind that position, everything was paid, by whichever process;
and one that was killed between the two leaves changes that are paid again.
"""

from __future__ import annotations

from typing import Any

from psycopg import Error

from pytest_perfbudget.cache.queries import questions, versions
from pytest_perfbudget.cache.queries.state import State
from pytest_perfbudget.cache.queries.steps import Ask, Sql, Steps, Unreachable, Wait

PEEK, ADVANCE = "perfbudget_cache_peek", "perfbudget_cache_advance"
"""Functions of the schema public, which have the rights of whoever made the slot."""

MOST = 100_000
"""Changes that are read at once; a transaction is read whole."""

LOOKS = 10
"""At the slot for one licence; each is of so many changes, or waits for another reader of the slot."""

_POLL = 0.005  # seconds between looks at a slot that another process reads

_BEGIN = f"{questions.BEGIN}; SET LOCAL synchronous_commit = local"
_PEEK = f"SELECT public.{PEEK}(%s::pg_lsn, {MOST})::text"
_ADVANCE = f"SELECT public.{ADVANCE}(%s::pg_lsn)"


def caught_up(state: State, server: str, asked: dict[str, Any], began: float) -> Steps[bool]:
    """Whether all is paid that had been committed when ``asked`` was answered. If not, ``state`` knows why, or has
    meanwhile a licence for what began then."""
    if asked["refusal"]:
        state.undecoded = f"{asked['refusal']}; decode() makes it anew"
        return False
    if asked["paid"]:
        return True
    if state.clock() < state.not_decoded_until:
        return False
    try:
        for _ in range(LOOKS):
            if state.licensed(began):
                return False
            seen = yield from _read(state, server, asked["asked"])
            if seen["all"]:
                return True
            if not seen["turn"]:
                yield Wait(_POLL)
        state.undecoded = "others read the slot, or more was changed than can be read at once"
    except Error as error:
        state.undecoded = f"the slot cannot be read: {str(error).strip()}"
    state.not_decoded_until = state.clock() + state.settings.licence
    return False


def _read(state: State, server: str, asked: str) -> Steps[dict[str, Any]]:
    """Reads some changes, pays for them, and advances the slot, in a transaction that keeps others of us from it; its
    commit makes sure that WAL up to ``asked`` is on disk, before which nothing is decoded."""
    yield Sql(_BEGIN)
    try:
        seen: dict[str, Any] = questions.value((yield Sql(_PEEK, (asked,), often=True)))
        if seen["counters"]:
            keys = tuple(map(versions.key, seen["counters"]))
            yield Ask(server, "touch", keys, tuple(versions.fresh() for _ in keys))
            state.count("decoded")
        if seen["upto"]:
            yield Sql(_ADVANCE, (seen["upto"],), often=True)
    except (Error, Unreachable):
        yield Sql("ROLLBACK")
        raise
    yield Sql("COMMIT")
    return seen
