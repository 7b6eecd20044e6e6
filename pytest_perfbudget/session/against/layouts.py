"""Where both sides are executed, the one that disturbs the comparison least first.

The same tables, where the reference's seed is ours; two schemas of one database, where it can be moved into another
schema; two databases over fresh pairs of connections, where it cannot.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pytest_perfbudget.postgres.server import Server
from pytest_perfbudget.session.against.sides import End, Sides
from pytest_perfbudget.session.place import PATIENCE

SAME_TABLES = "one connection, the same tables: the seed is the same"
TWO_SCHEMAS = "one connection, two schemas of one database"
FRESH_PAIRS = "fresh pairs of connections to two databases"

_OWN_TYPES = 16384  # FirstNormalObjectId, src/include/access/transam.h
_QUALIFIED = re.compile(r"\bpublic\b\"?\s*\.", re.IGNORECASE)


def bound_to_a_schema(sides: Sides) -> str:
    """Why these statements find their tables in one schema only, empty if they follow search_path."""
    if any(_QUALIFIED.search(one.sql) for one in (sides.old, sides.new)):
        return "a statement names the schema public"
    if any(oid >= _OWN_TYPES for one in (sides.old, sides.new) for oid in one.types):
        return "a parameter is of a type that the seed makes"
    return ""


@dataclass(frozen=True, slots=True)
class OneConnection:
    """Both on one connection to ``database``. With ``schemas`` (the reference's, the head's) each finds its tables in
    its own."""

    server: Server
    database: str
    name: str
    schemas: tuple[str, str] | None = None

    @contextmanager
    def connect(self) -> Iterator[tuple[End, End]]:
        with self.server.connect(self.database) as connection:
            connection.execute(PATIENCE)
            old, new = (f"set search_path = {name}".encode() for name in self.schemas) if self.schemas else (b"", b"")
            yield End(connection, old), End(connection, new)


@dataclass(frozen=True, slots=True)
class TwoDatabases:
    """Each on a connection to a database of its own."""

    server: Server
    old: str
    new: str
    name: str

    @contextmanager
    def connect(self) -> Iterator[tuple[End, End]]:
        with self.server.connect(self.old) as old, self.server.connect(self.new) as new:
            for connection in (old, new):
                connection.execute(PATIENCE)
            yield End(old), End(new)
