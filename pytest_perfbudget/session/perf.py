"""What the ``perf`` fixture gives: one statement measured explicitly, and what a part of the test sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg

    from pytest_perfbudget.capture.hub import Hub
    from pytest_perfbudget.capture.record import Recording
    from pytest_perfbudget.model import Statement
    from pytest_perfbudget.session.drivers import Drivers
    from pytest_perfbudget.session.seen import Seen
    from pytest_perfbudget.session.succession import Database


class Perf:
    """Runs statements on a connection of its own to the test's database, in autocommit.

    Where nothing is recorded (a test without the marker, a fixture of one with it) it records itself.
    """

    def __init__(self, database: Database, hub: Hub, drivers: Drivers) -> None:
        self.dsn = database.dsn
        self._hub, self._drivers = hub, drivers
        self._connection: psycopg.Connection[Any] | None = None
        self._own: Recording | None = None

    @property
    def statements(self) -> tuple[Statement, ...]:
        """All that were sent to the test's database so far, of every thread and task."""
        return self._hub.statements()

    @contextmanager
    def capture(self, *, memory: bool = False) -> Iterator[Seen]:
        """``with perf.capture() as seen``: the statements that begin within the block; with ``memory`` what the client
        needed at its peak, too, which makes the block a few times slower."""
        from pytest_perfbudget.session.memory import traced
        from pytest_perfbudget.session.seen import Seen

        self._record()
        with self._hub.part(memory) as calls:
            seen = Seen(calls, self._hub.collect)
            if not memory:
                yield seen
                return
            with traced() as peak:
                yield seen
            seen.peak_memory = peak() + max((call.size or 0 for call in calls if call.fetched == "whole"), default=0)

    def run(self, sql: str, params: Any = None, *, case: str | None = None) -> list[Any]:
        """Execute ``sql`` and fetch everything.

        ``params`` are psycopg's (a sequence for ``%s``, a mapping for ``%(name)s``); ``case`` names the parameters in
        baselines, so that a rare and a common value each have a plan of their own. Returns the rows, empty for a
        statement that gives none.
        """
        import psycopg

        if self._connection is None:
            self._connection = psycopg.connect(self.dsn, autocommit=True)
        with self._hub.case(case):
            cursor = self._connection.execute(sql, params)
        return cursor.fetchall() if cursor.description else []

    def _record(self) -> None:
        if self._hub.recording is None:
            self._drivers.watch()
            self._hub.start()
            self._own = self._hub.recording

    def __enter__(self) -> Perf:
        self._record()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._connection is not None:
            self._connection.close()
        if self._own is not None and self._hub.recording is self._own:
            self._hub.stop()
