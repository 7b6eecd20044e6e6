"""What a statement depends on, found by the server itself: the locks its planning and its execution take.

Its functions decide whether it may be kept at all: a result that depends on the clock, a sequence or chance has no
version.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from pytest_perfbudget.cache.queries import generic, keys, questions, versions
from pytest_perfbudget.cache.queries.calls import CLOCK, Call
from pytest_perfbudget.cache.queries.keys import Keyed
from pytest_perfbudget.cache.queries.state import Known, Place, State
from pytest_perfbudget.cache.queries.steps import Sql, Steps, Turn, Wait

_CALLED = re.compile(r'(?:"([^"]+)"|\b([A-Za-z_\x80-\U0010ffff][\w$]*))\s*\(')
_MOVING = re.compile(
    r"\b(?:CURRENT_(?:DATE|TIME|TIMESTAMP)|LOCALTIME|LOCALTIMESTAMP|SYSTEM_USER|TABLESAMPLE)\b|Sample Scan"
    r"|\btime(?:\(\d\))? with time zone"
)
"""What moves without a function's name: clocks, who logged in how, samples, a time zone's offset of the day."""
_STRING = re.compile(r"'(?:[^']|'')*'")
# fmt: off
_SETTINGS_ONLY = frozenset((
    "array_to_json", "array_to_string", "concat", "concat_ws", "date_part", "date_trunc", "extract", "format",
    "generate_series", "json_agg", "json_build_array", "json_build_object", "json_object_agg", "jsonb_agg",
    "jsonb_build_array", "jsonb_build_object", "jsonb_object_agg", "make_timestamptz", "phraseto_tsquery",
    "plainto_tsquery", "quote_literal", "quote_nullable", "row_to_json", "timezone", "to_char", "to_date", "to_json",
    "to_jsonb", "to_number", "to_timestamp", "to_tsquery", "to_tsvector", "ts_headline", "websearch_to_tsquery",
    "string_agg", "date", "text", "time", "timestamp", "timestamptz",
))
# fmt: on
"""Built-in functions that are stable only because the session's settings matter; those are in an entry's name."""

_POLL = 0.005  # seconds between looks at what another caller learns
_KEPT, _PASSED = "rpm", "iIvtc"
"""Kinds of relations that have counters, and those that hold nothing of their own."""


def counters(state: State, call: Call, known: Known | None) -> Mapping[str, tuple[str, ...]]:
    """What the call depends on, as far as is known: each table (and the schema) → its counter, or those of keys."""
    if not known:
        return {versions.SCHEMA: (versions.SCHEMA,)}
    found: dict[str, tuple[str, ...]] = {one: (one,) for one in known.counters}
    if keyed := of_keys(state, call, known):
        given = keys.values(call)
        found |= {table: keys.counters(table, read, given) for table, read in keyed.tables.items()}
    return found


def of_keys(state: State, call: Call, known: Known) -> Keyed | None:
    """What was learned of the call's keys, if it was of the statement as it is known now."""
    keyed = state.keyed(keys.signature(call)) if known.keyed and not known.functions else None
    return keyed if keyed and keyed.schema == known.schema and keyed.seen == known.seen else None


def learned(state: State, call: Call, known: Known | None, place: Place, schema: str) -> Steps[bool]:
    """Whether something had to be learned under this base of the schema: then it is to be looked at again. One caller
    of a process learns a statement, the others wait for it."""
    new = not known or known.schema != schema
    if not (new or _keys_lack(state, call, known)):
        return False
    if not state.learns(call.fingerprint):
        end = state.clock() + state.settings.flight
        while state.learning(call.fingerprint) and state.clock() < end:
            yield Wait(_POLL)
        return True
    try:
        if new:
            known = yield from learn(state, call, schema)
        if known and _keys_lack(state, call, known):
            yield from generic.learn(state, call, known, place.session)
    finally:
        state.has_learned(call.fingerprint)
    return True


def _keys_lack(state: State, call: Call, known: Known | None) -> bool:
    """Whether its tables have keys, and it is not known whether the call is one of some keys."""
    return bool(known and known.keyed and not known.functions and not known.refusal and not of_keys(state, call, known))


def learn(state: State, call: Call, schema: str) -> Steps[Known]:
    """The relations the planner locks, and whether all functions are functions of tables, in one transaction.

    The plan is that of these parameters: what it leaves out of a view or a policy, another's would execute.
    """
    explain = Sql(f"EXPLAIN (VERBOSE, FORMAT JSON) {call.text}", call.parameters)
    looks = (Sql(questions.READ), Sql(questions.DEFINITIONS))
    _, explained, read, defined = yield Turn((Sql(questions.BEGIN), explain, *looks))
    plan, held, definitions = (
        explained.get_value(0, 0).decode(),
        questions.value(read)["held"],
        questions.value(defined),
    )
    texts = (plan.replace('\\"', '"'), call.text, *definitions)
    called = {name for text in texts for match in _CALLED.findall(text) for name in match}
    functions = Sql(questions.FUNCTIONS, (sorted({n.lower() for n in called} | called),))
    found, kinds = map(questions.value, (yield Turn((functions, Sql(questions.RELATIONS, (held,))))))
    yield Sql("ROLLBACK")
    known = Known(
        functions=any(not builtin for _, builtin, _ in found),
        refusal=_moving(plan, call.text, definitions) or _impure(found, state.settings.pure),
        schema=schema,
    )
    return _added(state, call, known, held, kinds)


def add(state: State, call: Call, known: Known, held: Iterable[int]) -> Steps[Known]:
    """The statement also depends on these relations."""
    new = sorted(set(held) - known.seen)
    kinds = questions.value((yield Sql(questions.RELATIONS, (new,)))) if new else {}
    return _added(state, call, known, new, kinds)


def _added(state: State, call: Call, known: Known, new: Collection[int], kinds: Mapping[str, str]) -> Known:
    refusal = "it reads the system's catalogues" if questions.system(new) else _unversioned(kinds)
    tables = {number for number, kind in kinds.items() if kind[0] in _KEPT}
    counters = tuple(sorted({versions.SCHEMA, *known.counters, *tables}))
    keyed = known.keyed or any("k" in kind for kind in kinds.values())
    found = Known(counters, known.seen.union(new), known.functions, keyed, known.refusal or refusal, known.schema)
    return state.remember(call.fingerprint, found)


def _unversioned(kinds: Mapping[str, str]) -> str:
    for found in kinds.values():
        kind, persistence = found[0], found[1]
        if kind not in _KEPT + _PASSED:
            return "it reads a foreign table or a sequence"
        if persistence == "t" or (kind in _KEPT and persistence != "p"):
            return "it reads what is temporary or unlogged"
    return ""


def _moving(plan: str, text: str, definitions: Iterable[str]) -> str:
    dates = [one for definition in definitions for one in _STRING.findall(definition) if CLOCK.search(one)]
    found = filter(None, map(_MOVING.search, (plan, text.upper(), *definitions)))
    return next((f"it has {one}" for one in (*dates, *(match.group() for match in found))), "")


def _impure(found: list[list[Any]], pure: frozenset[str]) -> str:
    for name, builtin, volatility in found:
        if volatility != "i" and not (name in _SETTINGS_ONLY if builtin else name in pure):
            return f"it may call {name}(), which is not immutable"
    return ""
