"""Any order of statements over connections, transactions, savepoints, errors, cancellations and tests: what is captured
is what was sent, once, in the recording it was sent in, with its own plans. The server's log is asked, too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, rule, run_state_machine_as_test
from psycopg.pq import TransactionStatus
from test_capture_stress import Witness, own_plans, tag

from pytest_perfbudget.capture.hub import Hub

ROWS = 200


@dataclass(frozen=True)
class Sent:
    """``plans`` that are its own, ``piped`` where only they tell the rows; ``logged``: how often the server's log has
    it, None where that is open."""

    tag: int
    rows: int = 1
    error: str | None = None
    plans: int = 1
    logged: int | None = 1
    piped: bool = False


class Machine(RuleBasedStateMachine):
    """Every connection is at its end of a statement whenever a rule is left."""

    dsn: str
    hub: Hub
    witness: Callable[[], Witness]
    connections: Bundle[psycopg.Connection[Any]] = Bundle("connections")

    @initialize()
    def begin(self) -> None:
        self.expected: list[Sent] = []
        self.logged: list[Sent] = []
        self.number = 0
        self.last: dict[psycopg.Connection[Any], Sent] = {}
        self.open: list[psycopg.Connection[Any]] = []
        self.log = self.witness()
        self.hub.start()

    @rule(target=connections, autocommit=st.booleans(), prepare=st.sampled_from([None, 1, 5]))
    def connect(self, autocommit: bool, prepare: int | None) -> psycopg.Connection[Any]:
        connection = psycopg.connect(self.dsn, autocommit=autocommit, prepare_threshold=prepare)
        self.open.append(connection)
        return connection

    @rule(connection=consumes(connections))
    def close(self, connection: psycopg.Connection[Any]) -> None:
        connection.close()

    @rule(connection=connections, rows=st.sampled_from([0, 1, 7]))
    def execute(self, connection: psycopg.Connection[Any], rows: int) -> None:
        sent = self._next(rows=rows)
        self._send(connection, sent, lambda: connection.execute(self._sql(sent), (rows,)))

    @rule(connection=connections)
    def without_parameters(self, connection: psycopg.Connection[Any]) -> None:
        sent = self._next(rows=3)
        self._send(connection, sent, lambda: connection.execute(self._sql(sent).replace("%s", "3")))
        self.last.pop(connection, None)  # the simple protocol leaves no portal

    @rule(connection=connections, sets=st.integers(1, 3), returning=st.booleans())
    def many(self, connection: psycopg.Connection[Any], sets: int, returning: bool) -> None:
        sent = self._next(rows=2 * sets if returning else 0, plans=sets, logged=sets)
        values = [(2,)] * sets
        self._send(
            connection, sent, lambda: connection.cursor().executemany(self._sql(sent), values, returning=returning)
        )

    @rule(autocommit=st.booleans())
    def stream(self, autocommit: bool) -> None:
        """On a connection of its own: psycopg 3.3's pipelines do not work on one that has streamed."""
        sent = self._next(rows=3)
        with psycopg.connect(self.dsn, autocommit=autocommit) as connection:
            assert len(list(connection.cursor().stream(self._sql(sent), (3,)))) == 3
        self._passed(sent)

    @rule(connection=connections, fetched=st.integers(0, 5))
    def server_side(self, connection: psycopg.Connection[Any], fetched: int) -> None:
        if connection.autocommit and connection.info.transaction_status is not TransactionStatus.INTRANS:
            return
        if connection.info.transaction_status is TransactionStatus.INERROR:
            return
        sent = self._next(rows=fetched)
        with connection.cursor(f"c{sent.tag}") as cursor:
            cursor.execute(self._sql(sent), (5,))
            if fetched:
                assert len(cursor.fetchmany(fetched)) == fetched
        self._passed(sent)
        self.last.pop(connection, None)

    @rule(connection=connections, statements=st.integers(1, 4))
    def pipeline(self, connection: psycopg.Connection[Any], statements: int) -> None:
        if connection.info.transaction_status is TransactionStatus.INERROR:
            return
        found = [self._next(rows=2, piped=True) for _ in range(statements)]
        with connection.pipeline():
            for sent in found:
                connection.execute(self._sql(sent), (2,))
        for sent in found:
            self._passed(sent)
        self.last[connection] = found[-1]

    @rule(connection=connections)
    def divide_by_zero(self, connection: psycopg.Connection[Any]) -> None:
        sent = self._next(rows=0, error="22012", plans=0)
        self._send(
            connection,
            sent,
            lambda: connection.execute(self._failing(sent), (1,)),
        )

    @rule(connection=connections)
    def wrong_text(self, connection: psycopg.Connection[Any]) -> None:
        """The server aborts the transaction before it closes the portal of the statement before it: no plan of that
        one comes."""
        sent = self._next(rows=0, error="42601", plans=0, logged=0)
        before = self.last.get(connection)
        if before in self.expected and connection.info.transaction_status is TransactionStatus.INTRANS:
            self.expected[self.expected.index(before)] = replace(
                before, plans=before.plans - 1, rows=0 if before.piped else before.rows
            )
        self._send(connection, sent, lambda: connection.execute(f"/* tag {sent.tag} */ SELEKT %s", (0,)))

    @rule(connection=connections)
    def wrong_parameters(self, connection: psycopg.Connection[Any]) -> None:
        """Refused by the client: no statement."""
        if connection.info.transaction_status is not TransactionStatus.INERROR:
            with pytest.raises(psycopg.ProgrammingError):
                connection.execute("SELECT %s, %s", (1,))

    @rule(connection=connections)
    def timed_out(self, connection: psycopg.Connection[Any]) -> None:
        if connection.info.transaction_status is TransactionStatus.INERROR:
            return
        sent = self._next(rows=0, error="57014", plans=0)
        with self.hub.mute():
            connection.execute("SET statement_timeout = '10ms'")
        self._send(connection, sent, lambda: connection.execute(f"/* tag {sent.tag} */ SELECT pg_sleep(%s)", (20,)))
        with self.hub.mute():
            connection.rollback()
            connection.execute("SET statement_timeout = 0")
            connection.rollback()
        self.last.pop(connection, None)

    @rule(connection=connections, fails=st.booleans())
    def savepoint(self, connection: psycopg.Connection[Any], fails: bool) -> None:
        if connection.info.transaction_status is TransactionStatus.INERROR:
            return
        with suppress(psycopg.errors.DivisionByZero), connection.transaction(), connection.transaction():
            first = self._next(rows=1)
            self._send(connection, first, lambda: connection.execute(self._sql(first), (1,)))
            if fails:
                sent = self._next(rows=0, error="22012", plans=0)
                self._passed(sent)
                connection.execute(self._failing(sent), (1,))
        self.last.pop(connection, None)

    @rule(connection=connections, commit=st.booleans())
    def end(self, connection: psycopg.Connection[Any], commit: bool) -> None:
        connection.commit() if commit else connection.rollback()

    @rule()
    def next_test(self) -> None:
        self._compare()
        self.hub.start()

    def teardown(self) -> None:
        try:
            self._compare()
        finally:
            for connection in self.open:
                connection.close()
        executed = self.log.executed()
        told = [sent for sent in self.logged if sent.logged is not None]
        assert {sent.tag: executed[sent.tag] for sent in told} == {sent.tag: sent.logged for sent in told}
        assert executed.keys() <= {sent.tag for sent in self.logged}

    def _compare(self) -> None:
        found = self.hub.stop()
        assert [(tag(s), s.rows, s.error, own_plans(s)) for s in found] == [
            (sent.tag, sent.rows, sent.error, sent.plans) for sent in self.expected
        ]
        self.expected = []

    def _next(self, **values: Any) -> Sent:
        self.number += 1
        return Sent(self.number, **values)

    def _sql(self, sent: Sent) -> str:
        return f"/* tag {sent.tag} */ SELECT note FROM orders WHERE id <= %s"

    def _failing(self, sent: Sent) -> str:
        return f"/* tag {sent.tag} */ SELECT 1 / (id - id) FROM orders WHERE id = %s"

    def _passed(self, sent: Sent) -> None:
        self.expected.append(sent)
        self.logged.append(sent)

    def _send(self, connection: psycopg.Connection[Any], sent: Sent, send: Callable[[], Any]) -> None:
        """What an aborted transaction gets is another error, and no execution."""
        if connection.info.transaction_status is TransactionStatus.INERROR and sent.error != "42601":
            sent = Sent(sent.tag, 0, "25P02", 0, None)
        with expecting(sent.error):
            send()
        self._passed(sent)
        self.last[connection] = sent


@contextmanager
def expecting(state: str | None) -> Iterator[None]:
    if state is None:
        yield
        return
    with pytest.raises(psycopg.Error) as caught:
        yield
    assert caught.value.sqlstate == state


def test_what_is_captured_is_what_was_sent(hub: Hub, dsn: str, server: Any) -> None:
    server.admin.execute("ALTER DATABASE watched SET log_statement = 'all'")
    machine = type("Bound", (Machine,), {"dsn": dsn, "hub": hub, "witness": lambda self: Witness(server)})
    try:
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=30, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
            ),
        )
    finally:
        server.admin.execute("ALTER DATABASE watched RESET log_statement")
