"""Statements of applications in other processes, by the server's log: whatever their language and driver."""

from __future__ import annotations

from pytest_perfbudget.capture.log_calls import calls
from pytest_perfbudget.capture.record import Recording
from pytest_perfbudget.errors import ServerError
from pytest_perfbudget.postgres.log import ServerLog


class LoggedStatements:
    """A witness beside the drivers. What fails when a test ends must not hide the test's own failure: it is kept until
    :meth:`check`."""

    name = "the server's log"

    def __init__(self, log: ServerLog) -> None:
        self._log = log
        self._failed: ServerError | None = None

    def start(self) -> None:
        """Statements count from now on."""
        self._failed = None
        try:
            self._log.begin()
        except ServerError as error:
            self._failed = error

    def collect(self, recording: Recording) -> None:
        """Add the calls that no driver of this process has reported."""
        if self._failed:
            return
        try:
            recording.calls += calls(self._log.entries(), recording)
        except ServerError as error:
            self._failed = error

    def check(self) -> None:
        """Raises ServerError: the log of the last recording could not be read."""
        if self._failed:
            raise self._failed
