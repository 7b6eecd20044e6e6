"""Casts of a column that PostgreSQL puts there itself, because of the type of what the column is compared with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

_INTERNAL: Mapping[str, str] = {
    "smallint": "int2",
    "integer": "int4",
    "bigint": "int8",
    "real": "float4",
    "double precision": "float8",
    "character varying": "varchar",
    "character": "bpchar",
    "timestamp without time zone": "timestamp",
    "timestamp with time zone": "timestamptz",
}
"""Types as ``format_type`` writes them → the internal names that parsed casts have."""

_PROMOTED: Mapping[str, frozenset[str]] = {
    "int2": frozenset(("numeric", "float4", "float8")),
    "int4": frozenset(("numeric", "float4", "float8")),
    "int8": frozenset(("numeric", "float4", "float8")),
    "numeric": frozenset(("float4", "float8")),
    "bpchar": frozenset(("text",)),
    "citext": frozenset(("text",)),
}
"""Implicit casts that an index on the column cannot serve. Other pairs (int4 = int8, date = timestamptz) have operators
of their own in the index's operator family, and no cast is written."""

_RELABELLED = frozenset({("varchar", "text"), ("text", "varchar")})
"""Casts that change nothing, not even the index's use."""


def internal(written: str) -> str:
    """``character varying(20)`` → ``varchar``."""
    bare = " ".join(re.sub(r"\([^)]*\)", "", written).split())
    return _INTERNAL.get(bare, bare)


def promotes(column_type: str, cast: str) -> bool:
    """Whether PostgreSQL casts a column of this type by itself, and thereby takes the index away."""
    return cast in _PROMOTED.get(internal(column_type), frozenset())


def relabels(column_type: str, cast: str) -> bool:
    """Whether the cast leaves the index as useful as it was."""
    return (internal(column_type), cast) in _RELABELLED or internal(column_type) == cast


@lru_cache(maxsize=1024)
def spelled(sql: str, column: str, alias: str | None, cast: str) -> bool:
    """Whether the text of a statement itself casts this column to this type; ``alias`` is that of its table."""
    import pgparse

    try:
        return _spells(pgparse.parse(sql), column, alias, cast)
    except (pgparse.PGQueryError, ValueError):
        return False


def _spells(tree: Any, column: str, alias: str | None, cast: str) -> bool:
    if isinstance(tree, list):
        return any(_spells(part, column, alias, cast) for part in tree)
    if not isinstance(tree, dict):
        return False
    found = tree.get("TypeCast")
    if found and found["typeName"]["names"][-1]["String"]["sval"] == cast:
        fields = [field.get("String", {}).get("sval") for field in found["arg"].get("ColumnRef", {}).get("fields", ())]
        if fields and fields[-1] == column and (len(fields) == 1 or fields[-2] == alias):
            return True
    return any(_spells(part, column, alias, cast) for part in tree.values())
