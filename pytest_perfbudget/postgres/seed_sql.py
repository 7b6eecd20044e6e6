"""Running a file of SQL, and finding the line of what failed in it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_perfbudget.errors import At, SeedError

if TYPE_CHECKING:
    import psycopg
    from psycopg.pq.abc import PGresult

_COPY = re.compile(r"\bcopy\b[^;]*?\bfrom\s+stdin\b", re.IGNORECASE)
_COPY_REMEDY = "load the rows with INSERT or generate_series, or with a Python callable: module:function"
_META_REMEDY = "leave psql's commands out: list the files in `seed`, and write plain SQL"
_ALONE_REMEDY = "a file is one transaction: put this statement into a file of its own"
_ALONE = "25001"  # active_sql_transaction
_SYNTAX = "42601"  # syntax_error


def run_file(connection: psycopg.Connection, path: Path, contents: bytes) -> None:
    """Run all statements of a file in one round trip: one transaction, unless the file says otherwise.

    Raises:
        SeedError: a statement fails; the line is its own, or that of the word the server points at.
    """
    from psycopg import generators
    from psycopg.pq import ExecStatus

    text = _decode(path, contents)
    connection.pgconn.send_query(text.encode())
    results = connection.wait(generators.execute(connection.pgconn))
    for done, result in enumerate(results):
        if result.status in (ExecStatus.COPY_IN, ExecStatus.COPY_OUT):
            connection.close()
            raise _copy_error(path, text, len(text))
        if result.status not in (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK, ExecStatus.EMPTY_QUERY):
            raise _error(path, text, result, done)


def _decode(path: Path, contents: bytes) -> str:
    try:
        text = contents.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = contents.count(b"\n", 0, error.start) + 1
        raise SeedError("the seed is not UTF-8", at=At(str(path), line), remedy="save the file as UTF-8") from None
    if "\0" in text:
        raise SeedError("the seed holds a NUL character", at=_at(path, text, text.index("\0")))
    return text


def _error(path: Path, text: str, result: PGresult, done: int) -> SeedError:
    from psycopg.pq import DiagnosticField as Field

    def field(name: Field) -> str:
        return (result.error_field(name) or b"").decode(errors="replace")

    position = field(Field.STATEMENT_POSITION)
    start = int(position) - 1 if position else _statement(text, done)
    what = field(Field.MESSAGE_PRIMARY) or result.error_message.decode(errors="replace").strip()
    if start is None:
        return SeedError(f"the seed failed: {what}", at=At(str(path)), remedy=field(Field.CONTEXT))
    at, line, state = _at(path, text, start), _line(text, start), field(Field.SQLSTATE)
    if state == _SYNTAX and text.startswith("\\", start):
        return SeedError(f"a psql command is not SQL: {line}", at=at, remedy=_META_REMEDY)
    if state == _SYNTAX and _COPY.search(text, 0, start):
        return _copy_error(path, text, start)
    lines = [line, *(field(name) for name in (Field.MESSAGE_DETAIL, Field.MESSAGE_HINT, Field.CONTEXT))]
    lines += [_ALONE_REMEDY] if state == _ALONE else []
    return SeedError(f"the seed failed: {what}", at=at, remedy="\n".join(filter(None, lines)))


def _copy_error(path: Path, text: str, end: int) -> SeedError:
    copies = list(_COPY.finditer(text, 0, end))
    at = _at(path, text, copies[-1].start()) if copies else At(str(path))
    return SeedError("COPY … FROM stdin needs rows from a client, and there is none", at=at, remedy=_COPY_REMEDY)


def _statement(text: str, index: int) -> int | None:
    """Where the statement of this index begins, in characters; None where the text cannot be parsed.

    A failing COMMIT or a multi-result rule can shift the count; then the line is that of a neighbour.
    """
    import pgparse

    try:
        statements = pgparse.parse(text)
    except pgparse.PGQueryError:
        return None
    if index >= len(statements):
        return None
    raw = text.encode()
    begin = int(statements[index].get("stmt_location", 0))
    start = len(raw[:begin].decode(errors="replace"))
    match = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/)*", re.DOTALL).match(text, start)
    return match.end() if match else start


def _at(path: Path, text: str, position: int) -> At:
    return At(str(path), text.count("\n", 0, position) + 1)


def _line(text: str, position: int) -> str:
    begin = text.rfind("\n", 0, position) + 1
    end = text.find("\n", position)
    return text[begin : len(text) if end < 0 else end].strip()[:200]
