"""What a connection still owes: the plans of its statements, given to the statement that made each.

Whose plan is it? The call that is under way when the notice arrives, except where plans come later than the call; there
the Query Text tells. That is so in a pipeline, for a server-side cursor, and in every transaction: in the extended
protocol a statement's portal is only closed by the next statement, or by the end of the transaction. Nested statements
end before the one that called them, so what cannot be placed is held until a plan arrives that can.
"""

from __future__ import annotations

from weakref import ref

from pytest_perfbudget.capture import auto_explain
from pytest_perfbudget.capture.record import Call, Recording

Rows = list[tuple[bytes | None, ...]]
"""Values in PostgreSQL's text."""


class Portals:
    """The state a driver keeps for each connection it has seen, whose server process is ``backend``. ``cursors`` are
    the server-side ones that are open, by name; ``stepping`` is the call under way where the thread or task that reads
    the notice does not know it. ``prepares`` is how many executions of a statement are sent before it is prepared, None
    where it never is."""

    __slots__ = (
        "__weakref__",
        "_held",
        "_waiting",
        "backend",
        "cursors",
        "database",
        "portal",
        "prepares",
        "recording",
        "standby",
        "stepping",
    )

    late = True
    """Whether plans of the connection, and counters of what was prepared on it, are there to be asked for."""

    def __init__(self, database: str, standby: bool, backend: int) -> None:
        self.database = database
        self.backend = backend
        self.standby = standby
        self.prepares: int | None = None
        self.cursors: dict[str, Call] = {}
        self.stepping: Call | None = None
        self.portal: Call | None = None
        self.recording: Recording | None = None
        self._waiting: list[Call] = []
        self._held: list[bytes] = []

    @property
    def waits(self) -> bool:
        """Whether a call has returned whose plans have not all come."""
        return bool(self._waiting)

    def flush(self) -> None:
        """Have the last portal of an idle connection closed, so that its plan arrives; one that is busy is left alone.
        The recording has ended."""
        self.close_portal()
        self.forget()

    def close_portal(self) -> None:
        """Nothing here: what a driver can do, it says."""

    def drain(self) -> None:
        """Have the plan come of what nobody recorded, lest it is taken for that of the next statement. What a driver
        can do, it says."""

    def ask(self, sql: bytes) -> Rows | None:
        """The rows of a query of ours on the connection; None where it cannot be asked without disturbing anybody."""
        return None

    def enter(self, recording: Recording) -> None:
        """From now on of another recording: what waits from an earlier one waits for nothing."""
        if self.recording is not recording:
            self.forget()
            self.recording = recording
            if self.late:
                recording.sources.append(ref(self))
            recording.backends.add(self.backend)

    def forget(self) -> None:
        """Of the recording that has ended."""
        self.recording = self.portal = self.stepping = None
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

    def place(self, body: bytes, call: Call | None) -> None:
        """A plan arrived while ``call`` was under way."""
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
