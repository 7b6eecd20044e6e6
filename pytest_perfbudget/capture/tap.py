"""A connection's notices, divided: plans go to the statement that made them, everything else to the application.

Whose plan is it? The call that reads the notice, except where plans come later than the call; there the Query Text
tells. That is so in a pipeline, for a server-side cursor, and in every transaction: in the extended protocol a
statement's portal is only closed by the next statement, or by the end of the transaction. Nested statements end before
the one that called them, so what cannot be placed is held until a plan arrives that can.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any
from weakref import ReferenceType, ref

from pytest_perfbudget.capture import auto_explain
from pytest_perfbudget.capture.hub import CURRENT
from pytest_perfbudget.capture.record import Call, Recording

_MESSAGE_PRIMARY = ord("M")
_INTRANS = 2
"""PQTRANS_INTRANS: idle, within a transaction block."""


class Tap:
    """Stands as ``pgconn.notice_handler`` in front of the driver's own, and is the state kept for a connection.

    It holds no cursor and no connection: an application's connection must go when the application lets it go.
    """

    __slots__ = (
        "__weakref__",
        "_connection",
        "_held",
        "_waiting",
        "application",
        "cursors",
        "database",
        "last_piped",
        "pipeline",
        "portal",
        "recording",
        "standby",
        "stepping",
    )

    def __init__(self, database: str, application: Callable[[Any], None] | None, connection: Any) -> None:
        self._connection = ref(connection)
        self.portal: Call | None = None
        self.database = database
        self.standby = connection.pgconn.parameter_status(b"in_hot_standby") == b"on"
        self.application = application
        self.pipeline: ReferenceType[Any] | None = None
        self.last_piped: Call | None = None
        self.cursors: dict[str, Call] = {}
        self.stepping: Call | None = None
        self.recording: Recording | None = None
        self._waiting: list[Call] = []
        self._held: list[bytes] = []

    @property
    def connection(self) -> Any:
        """The driver's connection; None once the application has let it go."""
        return self._connection()

    def __call__(self, result: Any) -> None:
        body = auto_explain.document(result.error_field(_MESSAGE_PRIMARY) or b"")
        if body is not None:
            self._place(body)
        elif self.application is not None:
            self.application(result)

    def enter(self, recording: Recording) -> None:
        """From now on of another recording: what waits from an earlier one waits for nothing."""
        self._forget()
        self.recording = recording
        recording.sources.append(ref(self))

    def _forget(self) -> None:
        self.recording = self.portal = self.pipeline = self.last_piped = self.stepping = None
        self._waiting, self._held, self.cursors = [], [], {}

    def wait(self, call: Call) -> None:
        """``call`` has returned and ``call.owed`` of its plans have not come yet."""
        self._waiting.append(call)
        self._settle()

    def declared(self, call: Call) -> None:
        """``call`` opened a server-side cursor: its plan comes when that is closed, however many portals later."""
        call.owed = 1
        if self.portal is call:
            self.portal = None
        else:
            self._waiting.append(call)

    def returned(self, call: Call, in_transaction: bool) -> None:
        """``call`` has returned with its result. The portal before it is closed: what gave no plan gives none."""
        if self.portal is not None:
            if self.portal in self._waiting:
                self._waiting.remove(self.portal)
            self.portal = None
        if in_transaction:
            own = sum(call.made(document) for document in call.documents)
            if own < call.calls:
                call.owed, self.portal = 1, call
                self._waiting.append(call)

    def flush(self) -> None:
        """Close the last portal of an idle connection, so that its plan arrives; one that is busy is left alone."""
        self.close_portal()
        self._forget()

    def close_portal(self) -> None:
        """Have the plan of the last statement, where the connection is idle within a transaction. SHOW is a utility
        statement: it has no plan, and no effect on the transaction."""
        connection = self._connection()
        if connection is None or not self._waiting or connection.pgconn.transaction_status != _INTRANS:
            return
        if connection.pgconn.pipeline_status or connection.lock.locked():
            return
        # An asyncio lock cannot be taken from here; its loop does not run while the test's thread does.
        with connection.lock if hasattr(connection.lock, "__enter__") else nullcontext():
            connection.pgconn.exec_(b"SHOW transaction_isolation")

    def _place(self, body: bytes) -> None:
        current = CURRENT.get()
        call = current or self.stepping
        if call is not None and not call.owed and not self._awaited(body):
            call.add(body)
        elif self._waiting or (call is not None and call.owed):
            self._held.append(body)
            self._settle()

    def _awaited(self, body: bytes) -> bool:
        return bool(self._waiting) and self._owner(body) is not None

    def _owner(self, body: bytes) -> Call | None:
        return next((call for call in self._waiting if auto_explain.belongs(body, call.query)), None)

    def _settle(self) -> None:
        """Give what is held, up to each plan that names its owner, to that owner."""
        nested: list[bytes] = []
        for body in self._held:
            nested.append(body)
            if (owner := self._owner(body)) is None:
                continue
            for one in nested:
                owner.add(one)
            nested = []
            owner.owed -= 1
            if not owner.owed:
                self._waiting.remove(owner)
        self._held = nested
