"""A database of its own for a worker: cloned from a template, in the template's state until somebody writes to it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_perfbudget.errors import ServerError
from pytest_perfbudget.postgres.log import LOGGED
from pytest_perfbudget.postgres.markers import CLONE, Marker, literal, ours, quoted
from pytest_perfbudget.postgres.markers import drop as drop_database
from pytest_perfbudget.postgres.profile import LISTS, Level, capture, in_sql
from pytest_perfbudget.postgres.sequences import sequence_state
from pytest_perfbudget.postgres.templates import Template, create

if TYPE_CHECKING:
    import psycopg

    from pytest_perfbudget.postgres.server import Server

_COUNTERS_SINCE = 15  # before, counters travel by UDP to a collector: they prove nothing
_CAN_CAPTURE = "select rolsuper from pg_roles where rolname = current_user"
_SETTINGS = """
select coalesce(string_agg(setrole || ':' || setconfig::text, ' ' order by setrole), '')
from pg_db_role_setting where setdatabase = (select oid from pg_database where datname = %s)"""
_END_SESSIONS = """
select pg_terminate_backend(pid) from pg_stat_activity where datname = %s and pid <> pg_backend_pid()"""
_PATIENCE = 5.0  # seconds sessions may take to end
_WRITTEN = """
select tup_inserted + tup_updated + tup_deleted > 0 or stats_reset is not null
from pg_stat_database where datname = %s"""


@dataclass(frozen=True, slots=True)
class Clone:
    """``captures`` tells whether auto_explain sends the plan of every statement; ``settings`` and ``backend``
    are what must be the same for the clone to count as untouched."""

    name: str
    template: Template
    captures: bool
    settings: str
    backend: int


def clone(server: Server, template: Template, name: str) -> Clone:
    """A new database ``name`` with the template's contents, in place of any of ours of that name.

    Raises:
        ServerError: a database of this name is not ours; the disk is full.
    """
    import psycopg

    try:
        copy(server.admin, server.run, template, name)
    except psycopg.errors.DuplicateDatabase:
        _drop_ours(server, name)
        return clone(server, template, name)
    except psycopg.errors.DiskFull as error:
        raise ServerError(f"{name} cannot be cloned: {error.diag.message_primary}", remedy="free some space") from None
    return configured(server, template, name)


def copy(admin: psycopg.Connection, run: str, template: Template, name: str) -> None:
    """The bare copy, marked as a clone of ``run``, over whichever connection.

    Raises:
        psycopg.Error: there is a database of this name; the disk is full.
    """
    create(admin, name, quoted(template.name), Marker(CLONE, run, template.hash))


def configured(server: Server, template: Template, name: str) -> Clone:
    """The copy ``name`` with its settings, whatever it had before, in one round trip."""
    admin = server.admin
    captures = _load_auto_explain(admin)
    admin.execute(";".join(_settings(server, template, name, captures=captures)))
    (settings,) = admin.execute(_SETTINGS, [name]).fetchone() or ("",)
    return Clone(name, template, captures, str(settings), admin.info.backend_pid)


def settled(server: Server, used: Clone) -> bool:
    """Whether nothing was written, provably, after all sessions of the clone have been ended."""
    return _end_sessions(server.admin, used.name) and _untouched(server, used)


def drop(server: Server, name: str) -> None:
    """Drop a clone, its sessions ended; nothing happens where it is gone."""
    drop_database(server.admin, name)


def _end_sessions(admin: psycopg.Connection, name: str) -> bool:
    """Whether all are gone; one that is gone from pg_stat_activity has reported its counters. Looked at often, as
    pg_terminate_backend's own waiting takes steps of 100 ms."""
    deadline = time.monotonic() + _PATIENCE
    while admin.execute(_END_SESSIONS, [name]).rowcount:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.001)
    return True


def _untouched(server: Server, used: Clone) -> bool:
    """A crash resets the counters, and ends the admin connection: then they prove nothing."""
    admin = server.admin
    if server.major < _COUNTERS_SINCE or admin.info.backend_pid != used.backend:
        return False
    if admin.execute(_WRITTEN, [used.name]).fetchone() != (False,):
        return False
    if admin.execute(_SETTINGS, [used.name]).fetchone() != (used.settings,):
        return False
    with server.connect(used.name) as connection:
        return sequence_state(connection) == used.template.sequences


def _settings(server: Server, template: Template, name: str, *, captures: bool) -> list[str]:
    """What the seed set, then the profile, which wins, then the capture, then the log's."""
    statements = [f"ALTER DATABASE {quoted(name)} RESET ALL"]
    statements += [_repeat(name, role, setting) for role, setting in template.settings]
    if not server.throwaway:
        profile = server.profile.of(server.major, Level.DATABASE)
        statements += [f"ALTER DATABASE {quoted(name)} SET {in_sql(s)}" for s in profile]
    if captures:
        statements += [
            f"ALTER DATABASE {quoted(name)} SET {key} = {literal(value)}"
            for key, value in capture(server.major).items()
        ]
    if server.logs:
        statements += [f"ALTER DATABASE {quoted(name)} SET {key} = {literal(value)}" for key, value in LOGGED.items()]
    return statements


def _repeat(name: str, role: str | None, setting: str) -> str:
    """ALTER DATABASE SET again; PostgreSQL stores lists of names as they are written, with their quotes."""
    key, _, value = setting.partition("=")
    target = f"ROLE {quoted(role)} IN DATABASE" if role else "DATABASE"
    variable = ".".join(quoted(part) for part in key.split("."))
    return f"ALTER {target} {quoted(name)} SET {variable} = {value if key in LISTS and value else literal(value)}"


def _load_auto_explain(admin: psycopg.Connection) -> bool:
    """Only a superuser may set it, and a library that is not there would refuse every connection."""
    import psycopg

    if admin.execute(_CAN_CAPTURE).fetchone() != (True,):
        return False
    try:
        admin.execute("LOAD 'auto_explain'")
    except psycopg.errors.UndefinedFile:
        return False
    return True


def _drop_ours(server: Server, name: str) -> None:
    if not server.throwaway and name not in {database.name for database in ours(server.admin)}:
        raise ServerError(
            f"the database {name} exists and is not marked as the plugin's",
            remedy=f'if nobody needs it: DROP DATABASE "{name}";',
        )
    drop_database(server.admin, name)
