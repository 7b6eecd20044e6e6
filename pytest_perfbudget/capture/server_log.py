"""Statements of applications in other processes, by the server's log: whatever their language and driver."""

from __future__ import annotations

from pytest_perfbudget.capture.log_calls import LoggedCalls
from pytest_perfbudget.capture.record import Call, Recording
from pytest_perfbudget.errors import ServerError
from pytest_perfbudget.postgres.log import ServerLog


class LoggedStatements:
    """A witness beside the drivers. What fails when a test ends must not hide the test's own failure: it is kept until
    :meth:`check`."""

    name = "the server's log"

    def __init__(self, log: ServerLog) -> None:
        self._log = log
        self._failed: ServerError | None = None
        self._calls: LoggedCalls | None = None

    def start(self) -> None:
        """Statements count from now on."""
        self._failed = self._calls = None
        try:
            self._log.begin()
        except ServerError as error:
            self._failed = error

    def collect(self, recording: Recording) -> list[Call]:
        """The calls since the start, or the last time, that no driver of this process has reported."""
        if self._calls is None:
            self._calls = LoggedCalls(recording)
        if self._failed:
            return []
        try:
            return self._calls.take(self._log.entries())
        except ServerError as error:
            self._failed = error
            return []

    def check(self) -> None:
        """Raises ServerError: the log of the last recording could not be read."""
        if self._failed:
            raise self._failed
