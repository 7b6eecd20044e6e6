"""One process's database over its run, and the spare that takes its place when a test has written to it.

A clone of 170 MB takes a tenth of a second, a rename none: so once a test has written, a thread with a connection of
its own makes the next clone while tests run. What is left unused at the end stays, on a server of our own, as the
first database of the next run.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from pytest_perfbudget.errors import PerfbudgetError
from pytest_perfbudget.postgres import conninfo, markers
from pytest_perfbudget.postgres.clones import Clone, clone, configured, copy, drop, settled
from pytest_perfbudget.postgres.markers import CLONE, PREFIX, SPARE, Marker, key, quoted

if TYPE_CHECKING:
    import psycopg

    from pytest_perfbudget.postgres.server import Server
    from pytest_perfbudget.postgres.templates import Template

_NO_LIMITS = "set statement_timeout = 0; set lock_timeout = 0; set idle_session_timeout = 0"
_LOCK, _UNLOCK = "select pg_advisory_lock(%s)", "select pg_advisory_unlock(%s)"
_LOCK_SHARED, _UNLOCK_SHARED = "select pg_advisory_lock_shared(%s)", "select pg_advisory_unlock_shared(%s)"
_PATIENT, _UNLIMITED = "set lock_timeout = '5s'", "set lock_timeout = 0"
"""A test that wants a second database while it is undisturbed would else wait for a spare that waits for its end."""


@contextlib.contextmanager
def undisturbed(server: Server) -> Iterator[None]:
    """No process of the run makes a spare or its first database meanwhile, or drops one in the background."""
    server.admin.execute(_LOCK, [_quiet(server)])
    try:
        yield
    finally:
        server.admin.execute(_UNLOCK, [_quiet(server)])


@contextlib.contextmanager
def _disturbing(admin: psycopg.Connection, server: Server) -> Iterator[None]:
    """Once no other process of the run is to be undisturbed, and until this is over none will be."""
    admin.execute(_LOCK_SHARED, [_quiet(server)])
    try:
        yield
    finally:
        if not admin.closed:
            admin.execute(_UNLOCK_SHARED, [_quiet(server)])


class Spares:
    """The databases of one process, one at a time under one name."""

    def __init__(self, server: Server, template: Template) -> None:
        self._server, self._template = server, template
        self._thread = ThreadPoolExecutor(1, "perfbudget-spares")
        self._connection: psycopg.Connection | None = None
        self._next: Future[str] | None = None

    def first(self, name: str) -> Clone:
        """The database ``name``: a spare that an earlier run left, else a new clone.

        Raises:
            ServerError: a database of this name is not ours; the disk is full.
        """
        with _disturbing(self._server.admin, self._server):
            for spare in markers.spares(self._server.admin):
                if spare.marker.hash == self._template.hash and (claimed := self._rename(spare.name, name)):
                    return claimed
            return clone(self._server, self._template, name)

    def renew(self, used: Clone) -> Clone:
        """A clone in the template's state under the same name: ``used`` itself where provably nothing was written.
        Ends all sessions of the database.

        Raises:
            ServerError: the disk is full.
        """
        if settled(self._server, used):
            return used
        fresh = self._replace(used)
        if self._next is None:
            self._next = self._thread.submit(self._make)
        return fresh

    def close(self, used: Clone, *, keep: bool = True) -> None:
        """Drop what was written to. With ``keep`` one clone in the template's state stays if the server is our own."""
        spare = self._take()
        self._thread.shutdown()
        if self._connection is not None:
            self._connection.close()
        if self._server.throwaway and keep:
            unused = spare or (used.name if settled(self._server, used) else None)
            if unused:
                self._keep(unused)
        elif spare:
            drop(self._server, spare)
        drop(self._server, used.name)

    def _replace(self, used: Clone) -> Clone:
        spare, worn = self._take(), _name()
        if spare and (fresh := self._rename(spare, used.name, used.name, worn)):
            self._thread.submit(self._drop, worn)
            return fresh
        drop(self._server, used.name)
        return clone(self._server, self._template, used.name)

    def _rename(self, spare: str, name: str, *before: str) -> Clone | None:
        """The spare under its new name, after renaming ``before`` from one to another; None if it is not to be had."""
        import psycopg

        marker = Marker(CLONE, self._server.run, self._template.hash)
        steps = [before, (spare, name)] if before else [(spare, name)]
        commands = [f"ALTER DATABASE {quoted(old)} RENAME TO {quoted(new)}" for old, new in steps]
        try:
            self._server.admin.execute(";".join([*commands, marker.comment(name)]))
        except (psycopg.errors.InvalidCatalogName, psycopg.errors.ObjectInUse, psycopg.errors.DuplicateDatabase):
            return None
        return configured(self._server, self._template, name)

    def _keep(self, name: str) -> None:
        """Spares of one template at a time: they are as large as it is."""
        admin, kept = self._server.admin, _name()
        for other in markers.spares(admin):
            if other.marker.hash != self._template.hash:
                drop(self._server, other.name)
        marker = Marker(SPARE, "", self._template.hash)
        admin.execute(f"ALTER DATABASE {quoted(name)} RENAME TO {quoted(kept)};{marker.comment(kept)}")

    def _take(self) -> str | None:
        """The spare that was ordered, waited for; None if there is none or it could not be made."""
        import psycopg

        ordered, self._next = self._next, None
        with contextlib.suppress(psycopg.Error, PerfbudgetError):
            return ordered.result() if ordered else None
        return None

    # In the thread.

    def _make(self) -> str:
        name = _name()
        with self._allowed() as admin:
            copy(admin, self._server.run, self._template, name)
        return name

    def _drop(self, name: str) -> None:
        """Not at any price: whoever waits for the next spare waits for this too."""
        import psycopg

        try:
            with self._allowed() as admin:
                markers.drop(admin, name)
        except psycopg.errors.LockNotAvailable:
            self._thread.submit(self._drop, name)

    @contextlib.contextmanager
    def _allowed(self) -> Iterator[psycopg.Connection]:
        """The thread's connection, once nobody is to be undisturbed."""
        admin = self._admin()
        admin.execute(_PATIENT)
        with _disturbing(admin, self._server):
            admin.execute(_UNLIMITED)
            yield admin

    def _admin(self) -> psycopg.Connection:
        if self._connection is None or conninfo.lost(self._connection):
            self._connection = self._server.connect()
            self._connection.execute(_NO_LIMITS)
        return self._connection


def _name() -> str:
    return f"{PREFIX}s_{secrets.token_hex(6)}"


def _quiet(server: Server) -> int:
    return key(f"quiet {server.run}")
