"""Execute a captured statement again, to time it or to count its work."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

from pytest_perfbudget.capture.libpq import COUNTED, checked, document, send, undone
from pytest_perfbudget.model import Statement

if TYPE_CHECKING:
    import psycopg


def replay(connection: psycopg.Connection[Any], statement: Statement) -> float:
    """Seconds from send to the last row of one execution that is not prepared.

    Raises:
        psycopg.Error: the statement failed.
    """
    started = perf_counter()
    send(connection, statement)
    return perf_counter() - started


class Replay:
    """A series of executions in the plan-cache states the application's connection would go through.

    psycopg prepares at the execution after ``prepare_threshold`` (None: never); PostgreSQL then makes five custom
    plans before it weighs the generic one. Preparing is not timed.
    """

    def __init__(self, connection: psycopg.Connection[Any], statement: Statement) -> None:
        self._connection, self._statement = connection, statement
        self._left = connection.prepare_threshold
        self._name = b""

    def __call__(self) -> float:
        """Seconds from send to the last row.

        Raises:
            psycopg.Error: the statement failed.
        """
        if self._left:
            self._left -= 1
        elif self._left is not None and not self._name:
            self._prepare()
        return self._prepared() if self._name else replay(self._connection, self._statement)

    def _prepare(self) -> None:
        name = b"perfbudget_%x" % id(self)
        checked(self._connection.pgconn.prepare(name, self._statement.sql.encode(), self._statement.types or None))
        self._name = name

    def _prepared(self) -> float:
        statement = self._statement
        started = perf_counter()
        result = self._connection.pgconn.exec_prepared(
            self._name,
            statement.params or None,  # type: ignore[arg-type]  # psycopg's annotation forgets NULL
            list(statement.formats) or None,
        )
        checked(result)
        return perf_counter() - started


def count_work_again(connection: psycopg.Connection[Any], statement: Statement) -> dict[str, Any]:
    """The EXPLAIN ANALYZE document of the second of two executions; both are rolled back.

    A connection's first execution counts the catalogue reads too (plpgsql 219 blocks, then 6).

    Raises:
        psycopg.Error: the statement failed.
    """
    for _ in range(2):
        with undone(connection):
            counted = document(connection, statement, COUNTED)
    return counted
