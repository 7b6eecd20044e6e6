"""What the ``perf`` fixture gives: one statement, measured explicitly."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg

    from pytest_perfbudget.capture.hub import Hub
    from pytest_perfbudget.session.succession import Database


class Perf:
    """Runs statements on a connection of its own to the test's database, in autocommit."""

    def __init__(self, database: Database, hub: Hub) -> None:
        self.dsn = database.dsn
        self._hub = hub
        self._connection: psycopg.Connection[Any] | None = None

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

    def __enter__(self) -> Perf:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._connection is not None:
            self._connection.close()
