"""A captured statement sent again, through libpq and with the parameters it had."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pytest_perfbudget.model import Statement

if TYPE_CHECKING:
    import psycopg
    from psycopg.pq.abc import PGresult

COUNTED = b"EXPLAIN (FORMAT JSON, ANALYZE, BUFFERS, WAL, TIMING off, SETTINGS) "
PLANNED = b"EXPLAIN (FORMAT JSON, SETTINGS) "


def send(connection: psycopg.Connection[Any], statement: Statement, before: bytes = b"") -> PGresult:
    """Execute ``statement`` (with ``before`` in front of its text) and read every row.

    Raises:
        psycopg.Error: the server refused it, with the class of its SQLSTATE.
    """
    sql = before + statement.sql.encode()
    return checked(
        connection.pgconn.exec_params(
            sql, statement.params or None, statement.types or None, list(statement.formats) or None
        )
    )


def checked(result: PGresult) -> PGresult:
    """The result, if it is one.

    Raises:
        psycopg.Error: of the class of its SQLSTATE.
    """
    import psycopg
    from psycopg.pq import DiagnosticField, ExecStatus

    if result.status in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
        return result
    state = (result.error_field(DiagnosticField.SQLSTATE) or b"").decode()
    message = (result.error_field(DiagnosticField.MESSAGE_PRIMARY) or result.error_message).decode("utf-8", "replace")
    try:
        kind: type[psycopg.Error] = psycopg.errors.lookup(state)
    except KeyError:
        kind = psycopg.DatabaseError
    raise kind(message or f"libpq answered {ExecStatus(result.status).name}")


def document(connection: psycopg.Connection[Any], statement: Statement, options: bytes) -> dict[str, Any]:
    """The raw EXPLAIN document of a statement: ``{"Plan": …, "Query Text": …, …}``.

    Raises:
        psycopg.Error: the server refused it.
    """
    import json

    value = send(connection, statement, options).get_value(0, 0)
    found: dict[str, Any] = json.loads(value or b"[{}]")[0]
    return found | {"Query Text": statement.sql}


@contextmanager
def undone(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Whatever happens inside is rolled back, and an error leaves the transaction around it usable."""
    from psycopg.pq import TransactionStatus

    idle = connection.pgconn.transaction_status == TransactionStatus.IDLE
    begin, undo = (b"BEGIN", b"ROLLBACK") if idle else (_SAVE, _UNSAVE)
    checked(connection.pgconn.exec_(begin))
    try:
        yield
    finally:
        for command in undo.split(b"; "):
            connection.pgconn.exec_(command)


_SAVE = b"SAVEPOINT perfbudget"
_UNSAVE = b"ROLLBACK TO SAVEPOINT perfbudget; RELEASE SAVEPOINT perfbudget"
