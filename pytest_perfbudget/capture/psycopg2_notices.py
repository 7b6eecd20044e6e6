"""A psycopg2 connection's notices, divided: plans go to the statement that made them, everything else to the
application."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pytest_perfbudget.capture import auto_explain
from pytest_perfbudget.capture.hub import CURRENT, Hub
from pytest_perfbudget.capture.portals import Portals


class Psycopg2Tap(Portals):
    """psycopg2 speaks the simple protocol: a plan comes with its statement, and nothing is prepared."""

    __slots__ = ()
    late = False


class Notices(list[str]):
    """Stands as ``connection.notices``: a list as before, the application's, and the state kept for a connection."""

    def __init__(self, before: list[str], tap: Psycopg2Tap, watched: Callable[[], Hub | None]) -> None:
        super().__init__(before)
        self.tap = tap
        self._watched = watched

    def append(self, message: str) -> None:
        """Called by psycopg2 for each notice, in the thread that executes."""
        hub = self._watched()
        if hub is None or self.tap.database not in hub.databases:
            return super().append(message)
        if (body := auto_explain.document(message.encode())) is None:
            return super().append(message)
        if (call := CURRENT.get()) is not None or self.tap.waits:
            return self.tap.place(body, call)
        return self._unseen(hub, body)

    def _unseen(self, hub: Hub, body: bytes) -> None:
        """A plan whose execution nobody saw: the statement is recorded by it."""
        if (call := hub.begin()) is not None:
            self.tap.enter(call.recording)
            call.query, call.rows, call.standby = auto_explain.query_text(body), None, self.tap.standby
            call.add(body)


def notices_of(connection: Any, watched: Callable[[], Hub | None]) -> Notices:
    """Those of a connection; put there at first sight, with what the list held."""
    notices = connection.notices
    if type(notices) is not Notices:
        standby = connection.get_parameter_status("in_hot_standby") == "on"
        tap = Psycopg2Tap(connection.info.dbname, standby, connection.info.backend_pid)
        notices = Notices(list(notices), tap, watched)
        connection.notices = notices
    return notices
