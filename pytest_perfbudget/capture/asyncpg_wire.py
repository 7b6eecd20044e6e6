"""A simple query written to the socket of an idle connection, and its answer read: PostgreSQL's protocol 3.0.

Source: the manual, "Message Formats".
"""

from __future__ import annotations

import os
import select
import socket
from dataclasses import dataclass, field
from typing import Any

from pytest_perfbudget.capture.portals import Rows

_PATIENCE = 10.0
"""Seconds for a part of an answer."""


@dataclass(slots=True)
class Answer:
    """Rows of text, the messages of the notices that came with them, and whether there was an error."""

    rows: Rows = field(default_factory=list)
    notices: list[bytes] = field(default_factory=list)
    failed: bool = False


def asked(watched: Any, sql: bytes) -> Answer:
    """The answer to one statement, of a socket that asyncio or uvloop holds.

    Raises:
        OSError: the connection is gone, or gave no answer.
    """
    answer = Answer()
    with socket.socket(fileno=os.dup(watched.fileno())) as connection:
        connection.sendall(b"Q" + (len(sql) + 5).to_bytes(4, "big") + sql + b"\x00")
        kind = b""
        while kind != b"Z":
            head = _exactly(connection, 5)
            kind, body = head[:1], _exactly(connection, int.from_bytes(head[1:], "big") - 4)
            if kind == b"D":
                answer.rows.append(_values(body))
            elif kind == b"N":
                fields = {part[:1]: part[1:] for part in body.split(b"\x00")}
                answer.notices.append(fields.get(b"M", b""))
            answer.failed |= kind == b"E"
    return answer


def _values(body: bytes) -> tuple[bytes | None, ...]:
    values: list[bytes | None] = []
    place = 2
    for _ in range(int.from_bytes(body[:2], "big")):
        size = int.from_bytes(body[place : place + 4], "big", signed=True)
        place += 4
        values.append(None if size < 0 else body[place : place + size])
        place += max(size, 0)
    return tuple(values)


def _exactly(connection: socket.socket, size: int) -> bytes:
    read = b""
    while len(read) < size:
        if not select.select([connection], [], [], _PATIENCE)[0] or not (some := connection.recv(size - len(read))):
            raise ConnectionError("the server did not answer")
        read += some
    return read
