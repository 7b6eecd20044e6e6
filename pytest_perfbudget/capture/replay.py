"""Execute a captured statement again, to time it or to count its work."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from itertools import count
from time import perf_counter
from typing import TYPE_CHECKING, Any

from pytest_perfbudget.capture.libpq import COUNTED, checked, document, send, undone
from pytest_perfbudget.model import Statement

if TYPE_CHECKING:
    import psycopg
    from psycopg.pq.abc import PGresult

_PLANS = "SELECT custom_plans, generic_plans FROM pg_catalog.pg_prepared_statements WHERE name = %s"

_NUMBERS = count()
"""Of prepared statements: several series can follow each other on one connection."""


class Replay:
    """A series of executions in the plan-cache states the application's connection would go through.

    The driver prepares once a statement was sent ``Statement.prepares`` times (None: never); PostgreSQL then makes five
    custom plans before it weighs the generic one. Preparing is not timed. With ``undo`` each execution is rolled back,
    outside of its time. ``rows`` are those of the last execution.
    """

    def __init__(self, connection: psycopg.Connection[Any], statement: Statement, *, undo: bool = False) -> None:
        self._connection, self._statement, self._undo = connection, statement, undo
        self._unprepared = 0
        self._name = b""
        self.rows = 0

    def __call__(self) -> float:
        """Seconds from send to the last row.

        Raises:
            psycopg.Error: the statement failed.
        """
        if not self._name and self._unprepared == self._statement.prepares:
            self._prepare()
        with undone(self._connection) if self._undo else nullcontext():
            started = perf_counter()
            result = self._prepared() if self._name else send(self._connection, self._statement)
            taken = perf_counter() - started
        self._unprepared += not self._name
        self.rows = result.ntuples
        return taken

    def differs(self) -> str:
        """Why the last execution is not what the test had, in words; empty where nothing speaks against it."""
        statement = self._statement
        whole = statement.fetched == "whole" and statement.calls == 1 and not statement.error
        if not whole or self.rows == statement.rows:
            return ""
        return (
            f"executed again on another connection it gave {self.rows:,} rows, in the test {statement.rows:,}: "
            "what the test's transaction has written is not seen there"
        )

    def states(self, last: int) -> dict[str, int]:
        """Of the ``last`` executions: how many were planned anew (``first``), with a plan for their parameters
        (``custom``), with the one for any (``generic``). The server's own counts; it goes from one to the next."""
        counted = {"generic": 0, "custom": 0, "first": self._unprepared}
        if self._name:
            row = self._connection.execute(_PLANS, [self._name.decode()], prepare=False).fetchone()
            counted["custom"], counted["generic"] = row or (0, 0)
        found = {}
        for state, number in counted.items():
            if taken := min(number, last):
                found[state], last = taken, last - taken
        return found

    def _prepare(self) -> None:
        name = b"perfbudget_%d" % next(_NUMBERS)
        checked(self._connection.pgconn.prepare(name, self._statement.sql.encode(), self._statement.types or None))
        self._name = name

    def _prepared(self) -> PGresult:
        statement = self._statement
        return checked(
            self._connection.pgconn.exec_prepared(
                self._name,
                statement.params or None,  # type: ignore[arg-type]  # psycopg's annotation forgets NULL
                list(statement.formats) or None,
            )
        )


class Calls:
    """Statements one after the other on one connection, at each call: all of a test, or one alone."""

    def __init__(
        self, connection: psycopg.Connection[Any], statements: Sequence[Statement], *, undo: bool = False
    ) -> None:
        self.connection = connection
        self.replays = [Replay(connection, statement, undo=undo) for statement in statements]

    def __call__(self) -> float:
        """Their seconds together.

        Raises:
            psycopg.Error: a statement failed.
        """
        return sum(replay() for replay in self.replays)

    def another(self, sql: str) -> Replay:
        """A statement of ours on the same connection, planned anew each time."""
        return Replay(self.connection, Statement(sql, prepares=None))

    def differs(self) -> str:
        """Of the last call, for the first statement that differs."""
        return next((words for replay in self.replays if (words := replay.differs())), "")


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
