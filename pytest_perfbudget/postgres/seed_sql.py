"""Running a script of SQL, and finding the line of what failed in it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_perfbudget.errors import At, SeedError
from pytest_perfbudget.postgres.copy import send
from pytest_perfbudget.postgres.script import read
from pytest_perfbudget.postgres.server import Advance

if TYPE_CHECKING:
    import psycopg
    from psycopg.pq.abc import PGresult

_ROW = re.compile(r"^COPY .*?, line (\d+)", re.MULTILINE)
_COPY_REMEDY = "write the command on lines of its own, as pg_dump does: the rows follow it, a line \\. ends them"
_META_REMEDY = "leave psql's commands out: list the files in `seed`, and write plain SQL"
_CONNECT_REMEDY = "dump without --create: the database is there already"
_ALONE_REMEDY = "a file is one transaction: put this statement into a file of its own"
_ROLE_REMEDY = "roles are not in a dump: pg_dump --no-owner --no-privileges, or make the role in a step before"
_ALONE = "25001"  # active_sql_transaction
_SYNTAX = "42601"  # syntax_error
_UNKNOWN = "42704"  # undefined_object
NEWER = (rb"^SET transaction_timeout = 0;$", 17)
"""What pg_dump writes for its own time whichever server the dump is for, and the major that knows it."""


def run_script(connection: psycopg.Connection, path: Path, contents: bytes, advance: Advance) -> None:
    """Run all statements of a script in one transaction, unless it says otherwise, as one message; the server is given
    the rows of each COPY … FROM stdin when it asks for them.

    Raises:
        SeedError: a statement fails; the line is its own, that of the word the server points at, or that of the row.
    """
    from psycopg import generators
    from psycopg.pq import ExecStatus

    pattern, since = NEWER
    if connection.info.server_version // 10000 < since:
        contents = re.sub(pattern, b"", contents, flags=re.MULTILINE)
    script = read(contents)
    text = _decode(path, script.sql)
    if script.meta is not None:
        raise _meta_error(path, text, len(script.sql[: script.meta].decode()))
    connection.pgconn.send_query(text.encode())
    results = connection.wait(generators.execute(connection.pgconn))
    rows, done, sent = iter(script.rows), 0, 0
    while results and results[-1].status == ExecStatus.COPY_IN and (block := next(rows, None)):
        done += len(results) - 1
        results = send(connection, block.contents, advance, sent, script.size)
        sent += len(block.contents)
        if context := _ROW.search(_field(results[-1], "CONTEXT")):
            raise _row_error(path, results[-1], block.line + int(context[1]) - 1)
    for index, result in enumerate(results, done):
        if result.status in (ExecStatus.COPY_IN, ExecStatus.COPY_OUT):
            connection.close()
            raise _copy_error(path, text, index)
        if result.status not in (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK, ExecStatus.EMPTY_QUERY):
            raise _error(path, text, result, index)


def _decode(path: Path, contents: bytes) -> str:
    try:
        text = contents.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = contents.count(b"\n", 0, error.start) + 1
        raise SeedError("the seed is not UTF-8", at=At(str(path), line), remedy="save the file as UTF-8") from None
    if "\0" in text:
        raise SeedError("the seed holds a NUL character", at=_at(path, text, text.index("\0")))
    return text


def _field(result: PGresult, name: str) -> str:
    from psycopg.pq import DiagnosticField

    return (result.error_field(DiagnosticField[name]) or b"").decode(errors="replace")


def _error(path: Path, text: str, result: PGresult, done: int) -> SeedError:
    position = _field(result, "STATEMENT_POSITION")
    start = int(position) - 1 if position else _statement(text, done)
    what = _field(result, "MESSAGE_PRIMARY") or result.error_message.decode(errors="replace").strip()
    if start is None:
        return SeedError(f"the seed failed: {what}", at=At(str(path)), remedy=_field(result, "CONTEXT"))
    at, line, state = _at(path, text, start), _line(text, start), _field(result, "SQLSTATE")
    if state == _SYNTAX and text.startswith("\\", start):
        return _meta_error(path, text, start)
    lines = [line, *(_field(result, name) for name in ("MESSAGE_DETAIL", "MESSAGE_HINT", "CONTEXT"))]
    lines += [_ALONE_REMEDY] if state == _ALONE else []
    lines += [_ROLE_REMEDY] if state == _UNKNOWN and what.startswith("role ") else []
    return SeedError(f"the seed failed: {what}", at=at, remedy="\n".join(filter(None, lines)))


def _row_error(path: Path, result: PGresult, line: int) -> SeedError:
    lines = "\n".join(filter(None, (_field(result, name) for name in ("MESSAGE_DETAIL", "CONTEXT"))))
    return SeedError(f"the seed failed: {_field(result, 'MESSAGE_PRIMARY')}", at=At(str(path), line), remedy=lines)


def _meta_error(path: Path, text: str, start: int) -> SeedError:
    line = _line(text, start)
    remedy = _CONNECT_REMEDY if line.startswith("\\c") and not line.startswith("\\copy") else _META_REMEDY
    return SeedError(f"a psql command is not SQL: {line}", at=_at(path, text, start), remedy=remedy)


def _copy_error(path: Path, text: str, done: int) -> SeedError:
    start = _statement(text, done)
    at = At(str(path)) if start is None else _at(path, text, start)
    return SeedError("COPY from or to a client, where the file has no rows for it", at=at, remedy=_COPY_REMEDY)


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
