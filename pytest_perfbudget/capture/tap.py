"""A psycopg connection's notices, divided: plans go to the statement that made them, everything else to the
application."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any
from weakref import ReferenceType, ref

from pytest_perfbudget.capture import auto_explain
from pytest_perfbudget.capture.hub import CURRENT
from pytest_perfbudget.capture.portals import Portals, Rows
from pytest_perfbudget.capture.record import Call, Recording

_MESSAGE_PRIMARY = ord("M")
_INTRANS = 2
"""PQTRANS_INTRANS: idle, within a transaction block."""
_READABLE = (0, _INTRANS)
"""PQTRANS_IDLE and PQTRANS_INTRANS: anything else is busy, failed or gone."""
_TUPLES_OK = 2
"""PGRES_TUPLES_OK."""


class Tap(Portals):
    """Stands as ``pgconn.notice_handler`` in front of the driver's own, and is the state kept for a connection.

    It holds no cursor and no connection: an application's connection must go when the application lets it go.
    """

    __slots__ = ("_connection", "application", "last_piped", "pipeline")

    def __init__(self, database: str, application: Callable[[Any], None] | None, connection: Any) -> None:
        standby = connection.pgconn.parameter_status(b"in_hot_standby") == b"on"
        super().__init__(database, standby, connection.pgconn.backend_pid)
        self._connection = ref(connection)
        self.application = application
        self.pipeline: ReferenceType[Any] | None = None
        self.last_piped: Call | None = None

    @property
    def connection(self) -> Any:
        """The driver's connection; None once the application has let it go."""
        return self._connection()

    def __call__(self, result: Any) -> None:
        body = auto_explain.document(result.error_field(_MESSAGE_PRIMARY) or b"")
        if body is not None:
            self.place(body, CURRENT.get() or self.stepping)
        elif self.application is not None:
            self.application(result)

    def failed(self, cursor: Any, error: str) -> None:
        """A statement of a pipeline, of which nothing else comes: the first of this cursor that waits, else the one
        whose method has not returned yet."""
        current = CURRENT.get()
        for call in (*self._waiting, *filter(None, [current])):
            if call.cursor is not None and call.cursor() is cursor:
                call.error, call.owed = error, 0
                if call is not current:
                    self._waiting.remove(call)
                return

    def enter(self, recording: Recording) -> None:
        connection = self._connection()
        self.prepares = connection.prepare_threshold if connection is not None else None
        super().enter(recording)

    def forget(self) -> None:
        self.pipeline = self.last_piped = None
        super().forget()

    def close_portal(self) -> None:
        """Have the plan of the last statement, if it is missing."""
        if self._waiting:
            self.drain()

    def drain(self) -> None:
        """Where the connection is idle within a transaction. SHOW is a utility statement: it has no plan, and no effect
        on the transaction."""
        connection = self._connection()
        if connection is None or connection.pgconn.transaction_status != _INTRANS:
            return
        if connection.pgconn.pipeline_status or connection.lock.locked():
            return
        # An asyncio lock cannot be taken from here; its loop does not run while the test's thread does.
        with connection.lock if hasattr(connection.lock, "__enter__") else nullcontext():
            connection.pgconn.exec_(b"SHOW transaction_isolation")

    def ask(self, sql: bytes) -> Rows | None:
        connection = self._connection()
        if connection is None or connection.pgconn.status or connection.lock.locked():
            return None
        pgconn = connection.pgconn
        if pgconn.pipeline_status or pgconn.transaction_status not in _READABLE:
            return None
        result = pgconn.exec_(sql)
        if result.status != _TUPLES_OK:
            return None
        return [tuple(result.get_value(n, m) for m in range(result.nfields)) for n in range(result.ntuples)]


def known(connection: Any) -> Tap | None:
    """The tap of a connection, if it has one."""
    handler = connection.pgconn.notice_handler
    return handler if type(handler) is Tap else None
