"""A connection whose commits are announced, however they come about: by the end of a block, ``commit()`` or SQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from psycopg import Connection, Cursor, pq

from pytest_perfbudget.cache.queries import commits, covering
from pytest_perfbudget.cache.queries.endings import Before, before
from pytest_perfbudget.cache.queries.state import State
from pytest_perfbudget.cache.queries.steps import Steps
from pytest_perfbudget.errors import CacheError

Drive = Callable[[Steps[None], Connection[Any]], None]


class Writer:
    """What an application writes with; outside a ``transaction()`` the first statement begins one, as psycopg does."""

    def __init__(self, connection: Connection[Any], state: State, drive: Drive) -> None:
        self._connection, self._state, self._drive = connection, state, drive

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Committed at the end, rolled back on an exception."""
        kind = self._connection.cursor_factory
        self._connection.cursor_factory = _announcing(self, kind)
        try:
            yield
            self.commit()
        except BaseException:
            if not self._connection.closed:
                self.rollback()
            raise
        finally:
            self._connection.cursor_factory = kind

    def cursor(self, **options: Any) -> Cursor[Any]:
        """A cursor of psycopg; not a named one."""
        found: Cursor[Any] = self._connection.cursor(**options)
        return found

    def execute(self, query: Any, parameters: Any = None, **options: Any) -> Cursor[Any]:
        """Of psycopg's connection."""
        return self.cursor().execute(query, parameters, **options)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction, or a savepoint within one."""
        if self.idle:
            self.begin()
            try:
                yield
            except BaseException:
                self.rollback()
                raise
            self.commit()
        else:
            with self._connection.transaction():
                yield

    def begin(self) -> None:
        """Nothing within a transaction."""
        if self.idle:
            self._plain(covering.BEGIN)

    @contextmanager
    def pipeline(self) -> Iterator[Any]:
        """psycopg's pipeline within the transaction, which is begun before it; it can be committed after it only."""
        self.begin()
        with self._connection.pipeline() as pipeline:
            yield pipeline

    def commit(self) -> None:
        """Returns when every read that begins now sees what was written.

        Raises:
            CacheError: a pipeline has not ended.
        """
        if self._connection.info.pipeline_status:
            raise CacheError("a commit within a pipeline cannot be announced", remedy="commit() after its end")
        match self._connection.info.transaction_status:
            case pq.TransactionStatus.IDLE:
                return
            case pq.TransactionStatus.INTRANS:
                self._drive(commits.commit(self._state), self._connection)
            case _:
                self.rollback()  # what COMMIT does in a transaction that has failed

    def rollback(self) -> None:
        """Nothing was written, nothing is announced."""
        self._connection.rollback()

    def prepare(self, name: str) -> None:
        """PREPARE TRANSACTION with the literal ``name``, quotes included."""
        self._drive(commits.prepare(self._state, name), self._connection)

    @property
    def idle(self) -> bool:
        """Whether no transaction is open."""
        return self._connection.info.transaction_status == pq.TransactionStatus.IDLE

    def _plain(self, text: str) -> None:
        with Cursor(self._connection) as cursor:
            cursor.execute(text.encode(), prepare=False)

    def _before(self, query: Any) -> bool:
        """Whether the statement is still to be sent: a COMMIT is announced instead."""
        match before(query, self._connection):
            case Before.COMMIT:
                self.commit()
                return False
            case Before.BEGIN:
                self.begin()
        return True


def _announcing(writer: Writer, base: type[Cursor[Any]]) -> type[Cursor[Any]]:
    """The connection's cursors, asking ``writer`` before each statement."""

    class Announcing(base):  # type: ignore[valid-type, misc]
        def execute(self, query: Any, *arguments: Any, **options: Any) -> Any:
            return super().execute(query, *arguments, **options) if writer._before(query) else self

        def executemany(self, query: Any, *arguments: Any, **options: Any) -> None:
            if writer._before(query):
                super().executemany(query, *arguments, **options)

        def stream(self, query: Any, *arguments: Any, **options: Any) -> Any:
            writer._before(query)
            return super().stream(query, *arguments, **options)

        def copy(self, statement: Any, *arguments: Any, **options: Any) -> Any:
            writer._before(statement)
            return super().copy(statement, *arguments, **options)

    return Announcing
