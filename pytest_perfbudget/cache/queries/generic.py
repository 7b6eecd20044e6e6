"""The generic plan of a call, asked for in a transaction that leaves nothing, and the keys it restricts tables to."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from typing import Any

from psycopg import Error, adapters
from psycopg.adapt import PyFormat, Transformer

from pytest_perfbudget.cache.queries import keys, questions
from pytest_perfbudget.cache.queries.calls import Call
from pytest_perfbudget.cache.queries.keys import Keyed
from pytest_perfbudget.cache.queries.restrictions import Columns, restricted
from pytest_perfbudget.cache.queries.state import Known, State
from pytest_perfbudget.cache.queries.steps import Sql, Steps, Turn


def learn(state: State, call: Call, known: Known, session: str) -> Steps[Keyed]:
    """Which tables the call reads by key, remembered for its text and the types of its parameters; none where the
    server can give no generic plan, or the connection is not one of ``session``."""
    tables: dict[str, tuple[keys.Key, ...]] = {}
    try:
        _, keyed = yield Turn((Sql(questions.BEGIN), Sql(questions.KEYED, (sorted(known.seen),))))
        found = questions.value(keyed)
        if found["plain"] and found["session"] == session and found["columns"]:
            given = keys.values(call)
            tables = restricted((yield from _plan(call, given)), _declared(found["columns"]), len(given))
    except Error:
        pass
    yield Sql("ROLLBACK")
    return state.remember_keyed(keys.signature(call), Keyed(known.schema, known.seen, tables))


def _declared(columns: list[list[Any]]) -> dict[tuple[str, str], tuple[str, Columns]]:
    found: dict[tuple[str, str], tuple[str, dict[str, tuple[int, str]]]] = {}
    for schema, table, column, oid, number, kind in columns:
        found.setdefault((schema, table), (oid, {}))[1][column] = (number, kind)
    return {**found}


def _plan(call: Call, given: Sequence[Any]) -> Steps[Any]:
    if not given:
        answer = yield Sql(f"EXPLAIN (VERBOSE, FORMAT JSON) {call.text}", call.parameters)
        return json.loads(answer.get_value(0, 0))
    name = f"perfbudget_{secrets.token_hex(8)}"
    nulls = ", ".join(["NULL"] * len(given))
    turn = (
        "SET LOCAL plan_cache_mode = force_generic_plan",
        f"PREPARE {name} ({', '.join(_types(given))}) AS {keys.numbered(call.text)[0]}",
        f"EXPLAIN (VERBOSE, FORMAT JSON) EXECUTE {name} ({nulls})",
        f"DEALLOCATE {name}",
    )
    *_, answer, _ = yield Turn(tuple(map(Sql, turn)))
    return json.loads(answer.get_value(0, 0))


def _types(given: Sequence[Any]) -> list[str]:
    """As psycopg declares the parameters."""
    transformer = Transformer()
    transformer.dump_sequence(given, [PyFormat.AUTO] * len(given))
    return [_name(oid) for oid in transformer.types or ()]


def _name(oid: int) -> str:
    if not oid:
        return "unknown"
    info = adapters.types[oid]
    return info.regtype + "[]" * (oid == info.array_oid)
