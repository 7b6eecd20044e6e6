"""Which rows of a table a statement depends on: those with certain values in a column, given by its parameters."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pytest_perfbudget.cache.queries import versions
from pytest_perfbudget.cache.queries.calls import Call

_PLACEHOLDER = re.compile(r"%(?:%|\((?P<name>[^)]+)\)[sbt]|[sbt])")
_MOST = 64  # values of one statement; above, the table's counter is cheaper
_INT8 = 2**63
_PYTHON: dict[str, type] = {"int": int, "text": str, "uuid": uuid.UUID}


@dataclass(frozen=True, slots=True)
class Operand:
    """What a column is compared with: the parameter of that number (from 1) or a constant in PostgreSQL's text form;
    ``several``: the parameter is a list, one of which it has to be."""

    parameter: int = 0
    constant: str = ""
    several: bool = False


@dataclass(frozen=True, slots=True)
class Key:
    """Every row that a scan of the table gives has one of these values in the column."""

    column: int
    kind: str
    operands: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Keyed:
    """What a statement's generic plan reads by key alone: a table's oid → a key for each of its scans."""

    schema: str
    """The base of the schema's counter when this was learned."""
    seen: frozenset[int]
    """The relations that were known of the statement."""
    tables: Mapping[str, tuple[Key, ...]]


def signature(call: Call) -> tuple[Any, ...]:
    """What one generic plan is for: the text, and the types of its parameters."""
    return (call.text, *map(type, values(call)))


def values(call: Call) -> Sequence[Any]:
    """The parameters in the order of their numbers."""
    if isinstance(call.parameters, Mapping):
        return [call.parameters.get(name) for name in numbered(call.text)[1]]
    return call.parameters or ()


@lru_cache(maxsize=4096)
def numbered(text: str) -> tuple[str, tuple[str, ...]]:
    """The text as psycopg sends it, with ``$1`` for placeholders, and the names of those that have one."""
    names: dict[str, int] = {}
    count = 0

    def number(found: re.Match[str]) -> str:
        nonlocal count
        if found[0] == "%%":
            return "%"
        if name := found["name"]:
            return f"${names.setdefault(name, len(names) + 1)}"
        count += 1
        return f"${count}"

    return _PLACEHOLDER.sub(number, text), tuple(names)


def counters(table: str, keys: tuple[Key, ...], given: Sequence[Any]) -> tuple[str, ...]:
    """The counters of the rows it depends on: the table's own where a value is none that the column's type has."""
    found = {versions.whole(table): None}
    for key in keys:
        for operand in key.operands:
            for value in _texts(operand, key.kind, given):
                if value is None or len(found) > _MOST:
                    return (table,)
                found[versions.of_key(table, key.column, value)] = None
    return tuple(found)


def _texts(operand: Operand, kind: str, given: Sequence[Any]) -> Iterator[str | None]:
    """The values in PostgreSQL's text form; None for what is of another type."""
    if not operand.parameter:
        yield operand.constant
        return
    value: Any = given[operand.parameter - 1]
    if operand.several and type(value) is not list:
        yield None
        return
    each: Sequence[Any] = value if operand.several else (value,)
    for one in each:
        yield str(one) if type(one) is _PYTHON[kind] and (kind != "int" or _fits(one)) else None


def _fits(number: Any) -> bool:
    return bool(-_INT8 <= number < _INT8)
