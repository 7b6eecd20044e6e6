"""What is done on the server while tests run, and not while somebody of the run is to be undisturbed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from pytest_perfbudget.postgres import conninfo
from pytest_perfbudget.postgres.markers import key

if TYPE_CHECKING:
    import psycopg

    from pytest_perfbudget.postgres.server import Server

T = TypeVar("T")

_NO_LIMITS = "set statement_timeout = 0; set lock_timeout = 0; set idle_session_timeout = 0"
_LOCK, _UNLOCK = "select pg_advisory_lock(%s)", "select pg_advisory_unlock(%s)"
_LOCK_SHARED, _UNLOCK_SHARED = "select pg_advisory_lock_shared(%s)", "select pg_advisory_unlock_shared(%s)"
_PATIENT, _UNLIMITED = "set lock_timeout = '5s'", "set lock_timeout = 0"


@contextlib.contextmanager
def undisturbed(server: Server) -> Iterator[None]:
    """Nothing is done in the background meanwhile by any process of the run, and none makes its first database."""
    server.admin.execute(_LOCK, [_quiet(server)])
    try:
        yield
    finally:
        server.admin.execute(_UNLOCK, [_quiet(server)])


@contextlib.contextmanager
def disturbing(admin: psycopg.Connection, server: Server) -> Iterator[None]:
    """Once no other process of the run is to be undisturbed, and until this is over none will be."""
    admin.execute(_LOCK_SHARED, [_quiet(server)])
    try:
        yield
    finally:
        if not admin.closed:
            admin.execute(_UNLOCK_SHARED, [_quiet(server)])


class Background:
    """A thread, with a connection of its own. ``patient`` work waits for as long as somebody is undisturbed; other work
    fails after 5 s, with LockNotAvailable."""

    def __init__(self, server: Server, name: str, *, patient: bool) -> None:
        self._server, self._patient = server, patient
        self._thread = ThreadPoolExecutor(1, name)
        self._connection: psycopg.Connection | None = None

    def submit(self, work: Callable[[psycopg.Connection], T]) -> Future[T]:
        """Do ``work`` with the connection after what was submitted before."""
        return self._thread.submit(self._do, work)

    def close(self) -> None:
        """Once all is done."""
        self._thread.shutdown()
        if self._connection is not None:
            self._connection.close()

    def _do(self, work: Callable[[psycopg.Connection], T]) -> T:
        admin = self._admin()
        admin.execute(_UNLIMITED if self._patient else _PATIENT)
        with disturbing(admin, self._server):
            admin.execute(_UNLIMITED)
            return work(admin)

    def _admin(self) -> psycopg.Connection:
        if self._connection is None or conninfo.lost(self._connection):
            self._connection = self._server.connect()
            self._connection.execute(_NO_LIMITS)
        return self._connection


def _quiet(server: Server) -> int:
    return key(f"quiet {server.run}")
