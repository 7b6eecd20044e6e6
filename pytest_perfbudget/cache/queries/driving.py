"""What the steps of the query cache ask for, done by a thread: on a connection, by Redis, or by waiting."""

from __future__ import annotations

import sys
import time
from typing import Any, TypeVar

from psycopg import Connection, Cursor, Error, Pipeline

from pytest_perfbudget.cache.queries import turns
from pytest_perfbudget.cache.queries.lending import Lending
from pytest_perfbudget.cache.queries.steps import Ask, Sql, Step, Steps, Turn, Wait
from pytest_perfbudget.cache.queries.store import Store

_T = TypeVar("_T")


class Driving:
    """Goes through steps, and sends each the answer of what it asked for."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def drive(self, steps: Steps[_T], on: Connection[Any] | Lending | None) -> _T:
        """What the steps return. ``on`` is where they execute statements; errors of them pass if the steps let them."""
        try:
            step = next(steps)
            while True:
                try:
                    answer = self._answer(step, on)
                except BaseException as error:  # cancelled as well: others wait for what it executes
                    step = steps.throw(error)
                else:
                    step = steps.send(answer)
        except StopIteration as stop:
            result: _T = stop.value
            return result

    def _answer(self, step: Step, on: Connection[Any] | Lending | None) -> Any:
        if isinstance(step, Ask | Wait):
            if isinstance(on, Lending):
                on.rest()
            return self._store.answer(step) if isinstance(step, Ask) else time.sleep(step.seconds)
        assert on
        if not isinstance(on, Lending):
            return self._executed(step, on)
        answer = self._executed(step, on.taken())
        on.rest()
        return answer

    def _executed(self, step: Sql | Turn, connection: Connection[Any]) -> Any:
        if isinstance(step, Turn):
            return self._turn(step, connection)
        with self._sent(step, connection) as cursor:
            return cursor.pgresult

    def _turn(self, turn: Turn, connection: Connection[Any]) -> list[Any]:
        if not Pipeline.is_supported():
            return [self._executed(one, connection) for one in turn.statements]
        around = sys.exception()
        failed: Error | None = None
        try:
            with connection.pipeline():
                try:
                    cursors = [self._sent(one, connection) for one in turn.statements]
                except Error as error:
                    failed = error
        except Error as error:
            failed = failed or turns.first(error, around)
        if failed:
            if turns.lost(connection):
                connection.close()
            raise failed
        return [cursor.pgresult for cursor in cursors]

    def _sent(self, statement: Sql, connection: Connection[Any]) -> Cursor[Any]:
        """Within a pipeline its result is there when that has ended."""
        cursor = Cursor(connection)  # not the connection's own kind, which announces
        never = statement.own and not statement.often
        cursor.execute(statement.text.encode(), statement.parameters, prepare=False if never else None)
        return cursor
