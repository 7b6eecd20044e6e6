"""The arguments of an asyncpg statement as libpq takes them: text, with the types the server gave the placeholders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from types import NoneType
from typing import Any, NamedTuple

_BY_ISO = (datetime, date, time)

_AT_ONCE: dict[type[Any], Callable[[Any], bytes | None]] = {
    str: str.encode,
    int: lambda value: b"%d" % value,
    NoneType: lambda value: None,
}
"""What most values are."""


class Kinds(NamedTuple):
    """Of a statement's placeholders: the OIDs of their types, which of these are arrays, and text for all."""

    types: tuple[int, ...]
    arrays: tuple[bool, ...]
    formats: tuple[int, ...]

    @classmethod
    def of(cls, parameters: Sequence[Any]) -> Kinds:
        """Of asyncpg's ``Type`` s."""
        types = tuple(one.oid for one in parameters)
        return cls(types, tuple(one.kind == "array" for one in parameters), (0,) * len(types))


def as_text(values: Sequence[Any], kinds: Kinds) -> list[bytes | None]:
    """PostgreSQL's text of each value; ``None`` is NULL.

    Raises:
        Exception: a value's type is one that only asyncpg, or a codec of the application, can write.
    """
    return [
        at_once(value) if (at_once := _AT_ONCE.get(type(value))) else _text(value, array)
        for value, array in zip(values, kinds.arrays, strict=True)
    ]


def _text(value: Any, array: bool) -> bytes | None:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bool):
        return b"t" if value else b"f"
    if isinstance(value, int):
        return b"%d" % value  # of an enumeration too, whose own text is its name
    if isinstance(value, float | Decimal):
        return str(value).encode()
    if isinstance(value, _BY_ISO):
        return value.isoformat().encode()
    if isinstance(value, (bytes, bytearray, memoryview)):
        return b"\\x" + bytes(value).hex().encode()
    return _by_psycopg(list(value) if array else value)


def _by_psycopg(value: Any) -> bytes | None:
    """Arrays, intervals, UUIDs, addresses, composite values: psycopg writes them for libpq anyway."""
    from psycopg.adapt import PyFormat, Transformer

    written = Transformer().get_dumper(value, PyFormat.TEXT).dump(value)
    return None if written is None else bytes(written)
