"""Which databases are the plugin's: a JSON marker in the database's comment, and the liveness of its run.

On a server of somebody else nothing without a marker is ever touched.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import psycopg

PREFIX = "perfbudget_"
TEMPLATE, BUILDING, CLONE, SPARE = "template", "building", "clone", "spare"
"""Kinds of marker. A spare is a clone nobody has used, kept for the next run of its template."""

_OURS = """
select d.datname, d.oid, shobj_description(d.oid, 'pg_database')
from pg_database d
where shobj_description(d.oid, 'pg_database') like '{"perfbudget":%'
  and pg_has_role(d.datdba, 'usage') order by d.datname"""
_IS_TEMPLATE = "select datistemplate from pg_database where datname = %s"
_HELD = """
select (classid::bigint << 32) | objid::bigint from pg_locks
where locktype = 'advisory' and objsubid = 1 and granted"""


@dataclass(frozen=True, slots=True)
class Marker:
    """What the comment of a database of ours says. ``state`` is the hash of its sequences at sealing time, ``seed``
    names the steps of a template, for people."""

    kind: str
    run: str
    hash: str = ""
    used: str = ""
    state: str = ""
    notes: tuple[str, ...] = ()
    seed: str = ""

    def comment(self, database: str) -> str:
        """The statement that marks ``database``, as used now."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        fields = {"perfbudget": 1, **{f: getattr(self, f) for f in self.__slots__}, "used": now}
        return f"COMMENT ON DATABASE {quoted(database)} IS {literal(json.dumps(fields))}"

    @classmethod
    def read(cls, comment: str) -> Self | None:
        """The marker in a comment, None where it is none of this format."""
        with contextlib.suppress(ValueError, TypeError, KeyError):
            fields: dict[str, Any] = json.loads(comment)
            if fields.pop("perfbudget") == 1:
                return cls(**{**fields, "notes": tuple(fields["notes"])})
        return None


@dataclass(frozen=True, slots=True)
class Marked:
    """A database of ours."""

    name: str
    oid: int
    marker: Marker


def quoted(name: str) -> str:
    """An SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """An SQL string, whatever ``standard_conforming_strings`` is."""
    text = text.replace("'", "''")
    return " E'" + text.replace("\\", "\\\\") + "'" if "\\" in text else f"'{text}'"


def database_name(run: str, worker: str) -> str:
    """The worker's database: stable over the run, at most 63 bytes."""
    plain = "".join(c if c.isalnum() and c.isascii() else "_" for c in f"{run[:8]}_{worker}".lower())
    return f"{PREFIX}{plain}"[:63]


def key(text: str) -> int:
    """The key of the advisory lock that stands for ``text``: a signed 64-bit number."""
    return int.from_bytes(hashlib.sha256(f"perfbudget {text}".encode()).digest()[:8], signed=True)


def run_key(run: str) -> int:
    """Held, shared, by every process of a run as long as it lives."""
    return key(f"run {run}")


def ours(admin: psycopg.Connection) -> list[Marked]:
    """The databases that carry a marker and belong to us, by name."""
    rows = admin.execute(_OURS).fetchall()
    return [Marked(name, oid, marker) for name, oid, comment in rows if (marker := Marker.read(comment))]


def spares(admin: psycopg.Connection) -> list[Marked]:
    """The spares kept on this server, of whatever template."""
    return [database for database in ours(admin) if database.marker.kind == SPARE]


def held_keys(admin: psycopg.Connection) -> frozenset[int]:
    """The keys of all advisory locks of the server, whichever database they were taken in."""
    return frozenset(row[0] for row in admin.execute(_HELD))


def drop_leftovers(admin: psycopg.Connection) -> list[str]:
    """Drop the clones and unfinished templates of runs that are dead; their names."""
    found = [d for d in ours(admin) if d.marker.kind not in (TEMPLATE, SPARE)]
    living = held_keys(admin)  # asked second: a run has its lock before it has a database
    dead = [database for database in found if run_key(database.marker.run) not in living]
    return [database.name for database in dead if drop(admin, database.name)]


def drop_unfinished(admin: psycopg.Connection) -> None:
    """Drop everything but sealed templates and their spares on a server of our own that nobody else uses."""
    marked = ours(admin)
    templates = {d.marker.hash for d in marked if d.marker.kind == TEMPLATE}
    stays = {d.name for d in marked if d.marker.kind in (TEMPLATE, SPARE) and d.marker.hash in templates}
    for name in _others(admin):
        if name not in stays:
            drop(admin, name)


def drop(admin: psycopg.Connection, name: str) -> bool:
    """Drop a database of ours, its sessions ended; False if somebody else did.

    ALTER DATABASE fails where somebody else alters or drops it at the same moment, and on what an interrupted DROP has
    left. DROP waits for the others and ends what was begun, so that only templates are altered.
    """
    import psycopg

    with contextlib.suppress(psycopg.errors.InvalidCatalogName, psycopg.errors.ObjectInUse):
        if admin.execute(_IS_TEMPLATE, [name]).fetchone() == (True,):
            with contextlib.suppress(psycopg.errors.InternalError_, psycopg.errors.ObjectNotInPrerequisiteState):
                admin.execute(f"ALTER DATABASE {quoted(name)} IS_TEMPLATE false")
        admin.execute(f"DROP DATABASE IF EXISTS {quoted(name)} WITH (FORCE)")
        return True
    return False


def _others(admin: psycopg.Connection) -> Iterator[str]:
    rows = admin.execute("select datname from pg_database where datname not in ('template0', 'template1', 'postgres')")
    return (row[0] for row in rows.fetchall())
