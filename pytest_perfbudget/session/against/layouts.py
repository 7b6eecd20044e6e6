"""Where both sides are executed, the one that disturbs the comparison least first.

The same tables, where the reference's seed is ours; two schemas of one database, where it can be moved into another
schema; two databases where it cannot: on one processor, or else over fresh pairs of connections.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pytest_perfbudget.errors import DisturbedError, PerfbudgetError
from pytest_perfbudget.postgres.processors import on_one_processor
from pytest_perfbudget.postgres.server import Server
from pytest_perfbudget.session.against.sides import End, Sides
from pytest_perfbudget.session.place import PATIENCE

SAME_TABLES = "one connection, the same tables: the seed is the same"
TWO_SCHEMAS = "one connection, two schemas of one database"
PINNED = "two connections pinned to one CPU, to two databases"
FRESH_PAIRS = "fresh pairs of connections to two databases"

_WORKERS = "show max_parallel_workers_per_gather"
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


@dataclass(frozen=True, slots=True)
class Pinned:
    """Each on a connection to a database of its own, both backends and this thread on one processor: two backends
    differ by the processors they are on more than by themselves."""

    apart: TwoDatabases
    name: str

    @contextmanager
    def connect(self) -> Iterator[tuple[End, End]]:
        """
        Raises:
            DisturbedError: they cannot be kept there.
        """
        with self.apart.connect() as (old, new):
            backends = [(one.connection.info.backend_pid, one.connection.info.dbname) for one in (old, new)]
            if any(one.connection.execute(_WORKERS).fetchone() != ("0",) for one in (old, new)):
                raise DisturbedError("a statement may have parallel workers, which are on other processors")
            with on_one_processor(backends):
                yield old, new


def pinned(apart: TwoDatabases, name: str) -> tuple[Pinned | None, str]:
    """The layout of that name, if it can be had now; else why not."""
    import psycopg

    layout = Pinned(apart, name)
    try:
        with layout.connect():
            return layout, ""
    except (PerfbudgetError, psycopg.Error) as error:
        return None, str(error).splitlines()[0]
