"""A server that is there already: used, never changed outside the databases the plugin made and marked."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pytest_perfbudget.errors import ServerError
from pytest_perfbudget.postgres import conninfo, log, tls
from pytest_perfbudget.postgres.markers import database_name, drop_leftovers, run_key
from pytest_perfbudget.postgres.profile import QUIET, Level, Profile
from pytest_perfbudget.postgres.profiles.readback import differences, levelled
from pytest_perfbudget.postgres.server import Refusal, Request

if TYPE_CHECKING:
    import psycopg

_OLDEST = 14
_RIGHTS = "select rolsuper, rolcreatedb or rolsuper from pg_roles where rolname = current_user"


def is_dsn(text: str) -> bool:
    """Whether ``--perf-server`` names a server rather than a kind."""
    return text.startswith(("postgresql://", "postgres://")) or "=" in text


def planned_dsn(dsn: str, run: str, worker: str = "main") -> str:
    """The URL of the worker's database on that server."""
    return conninfo.url(conninfo.parse(dsn), database_name(run, worker))


class Dsn:
    """``--perf-server=postgresql://…``."""

    name = "dsn"

    def refusal(self, request: Request) -> Refusal | None:
        """Nothing is asked of the server before it is needed."""
        if not is_dsn(request.server):
            return Refusal("no DSN was given", "--perf-server=postgresql://user@host/database")
        return None

    def start(self, request: Request) -> DsnServer:
        """A connection to it; leftovers of dead runs are dropped.

        Raises:
            ServerError: it refuses, is of another major, or does not let us create databases.
        """
        params = conninfo.parse(request.server)
        admin = conninfo.connect(request.server)
        try:
            return enter(request, params, admin)
        except BaseException:
            admin.close()
            raise


@dataclass
class DsnServer:
    """``admin`` holds the lock that says this run lives; were it lost, the run's databases could be dropped. One that a
    signal interrupted, or the server ended, is replaced."""

    run: str
    version: str
    major: int
    locale: str
    profile: Profile = field(repr=False)
    notes: tuple[str, ...]
    superuser: bool
    params: dict[str, str] = field(repr=False)
    _admin: psycopg.Connection = field(repr=False)
    kind: str = "dsn"
    throwaway: bool = False
    logs: bool = False

    @property
    def admin(self) -> psycopg.Connection:
        if conninfo.interrupted(self._admin) or conninfo.lost(self._admin):
            self._admin = _living(conninfo.connect(self.dsn(self._admin.info.dbname)), self.run, self._admin)
        return self._admin

    @property
    def tls(self) -> str:
        return tls.used(self.admin)

    def dsn(self, database: str) -> str:
        return conninfo.url(self.params, database)

    def connect(self, database: str | None = None) -> psycopg.Connection:
        name = database or self.params.get("dbname") or self._admin.info.dbname
        return conninfo.connect(self.dsn(name), options=QUIET if self.superuser else "")

    def close(self) -> None:
        self._admin.close()


def enter(request: Request, params: dict[str, str], admin: psycopg.Connection) -> DsnServer:
    """Become one of those that use a server; what dead runs left there is dropped.

    Raises:
        ServerError: it is too old, of another major, or does not let us create databases.
    """
    number = admin.info.server_version
    major = number // 10000
    if major < _OLDEST:
        raise ServerError(f"PostgreSQL {major} is too old", remedy=f"use {_OLDEST} or later")
    if request.major not in (None, major):
        raise ServerError(f"the server is PostgreSQL {major}, not {request.major}", remedy=f"--perf-postgres={major}")
    superuser, can_create = admin.execute(_RIGHTS).fetchone() or (False, False)
    if not can_create:
        user = admin.info.user
        raise ServerError(
            f"{user} may not create databases at {conninfo.redact(request.server, params)}",
            remedy=f'ALTER ROLE "{user}" CREATEDB;',
        )
    if request.logs:
        log.check(admin, major)
    drop_leftovers(_living(admin, request.run))
    version = admin.info.parameter_status("server_version") or str(number)
    profile = levelled(admin, request.profile, major)
    theirs = replace(profile, settings=profile.of(major, Level.SERVER))
    return DsnServer(
        request.run, version, major, request.locale, profile, differences(admin, theirs, major), superuser, params,
        admin, logs=request.logs,
    )  # fmt: skip


def _living(admin: psycopg.Connection, run: str, before: psycopg.Connection | None = None) -> psycopg.Connection:
    """The connection, holding the lock that says its run lives; ``before`` is closed once it does."""
    admin.execute("set idle_session_timeout = 0; set statement_timeout = 0; set lock_timeout = 0")
    admin.execute("select pg_advisory_lock_shared(%s)", [run_key(run)])
    if before is not None:
        before.close()
    return admin
