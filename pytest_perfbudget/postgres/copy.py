"""COPY … FROM STDIN over a connection of ours: rows go out in pieces, the share that is sent is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pytest_perfbudget.postgres.server import Advance

if TYPE_CHECKING:
    import psycopg
    from psycopg.pq.abc import PGresult

_PIECE = 1 << 16  # bytes; psycopg's generator does not end where a buffer is larger than the socket's


class CopyError(Exception):
    """The server refused a row, or the command itself; ``context`` is the server's, with the row's line."""

    def __init__(self, result: PGresult) -> None:
        from psycopg.pq import DiagnosticField as Field

        self.result = result
        self.what = self._field(Field.MESSAGE_PRIMARY)
        self.detail = self._field(Field.MESSAGE_DETAIL)
        self.context = self._field(Field.CONTEXT)
        super().__init__(self.what)

    def _field(self, field: int) -> str:
        return (self.result.error_field(field) or b"").decode(errors="replace")


def copy_rows(connection: psycopg.Connection, command: str, rows: bytes, advance: Advance) -> None:
    """Run one COPY … FROM STDIN and send it ``rows``.

    Raises:
        CopyError: the command or a row is refused.
    """
    from psycopg import generators
    from psycopg.pq import ExecStatus

    connection.pgconn.send_query(command.encode())
    results: Sequence[PGresult] = connection.wait(generators.execute(connection.pgconn))
    if results[-1].status == ExecStatus.COPY_IN:
        results = send(connection, rows, advance, 0, len(rows))
    if results[-1].status != ExecStatus.COMMAND_OK:
        raise CopyError(results[-1])


def send(connection: psycopg.Connection, rows: bytes, advance: Advance, before: int, total: int) -> Sequence[PGresult]:
    """Answer the server's request for rows, of which ``before`` of ``total`` bytes were sent already; what follows."""
    from psycopg import generators

    pgconn, view = connection.pgconn, memoryview(rows)
    for start in range(0, len(rows), _PIECE):
        connection.wait(generators.copy_to(pgconn, view[start : start + _PIECE]))
        advance((before + start) / total)
    pgconn.put_copy_end()
    connection.wait(generators.send(pgconn))
    return connection.wait(generators.fetch_many(pgconn))
