"""What is known of an asyncpg connection, and how the plan of its last portal is fetched."""

from __future__ import annotations

import os
import select
import socket
from contextlib import suppress
from typing import Any
from weakref import ref

from pytest_perfbudget.capture import auto_explain
from pytest_perfbudget.capture.asyncpg_params import Kinds
from pytest_perfbudget.capture.hub import Hub
from pytest_perfbudget.capture.portals import Portals
from pytest_perfbudget.capture.record import Recording

OWNER, TAP = "_perfbudget_owner", "_perfbudget_tap"
"""Attributes of a protocol: a reference to its connection, and its tap."""
_SHOW = b"SHOW transaction_isolation\x00"
_PATIENCE = 10.0
"""Seconds for the answer to a SHOW."""


class AsyncpgTap(Portals):
    """Kept by the connection's protocol. ``prepared`` are the seconds it took to prepare the statements that have not
    been executed since, by name; ``kinds`` the types of statements' placeholders."""

    __slots__ = ("_connection", "kinds", "prepared")

    def __init__(self, connection: Any, protocol: Any) -> None:
        settings = protocol.get_settings()
        super().__init__(connection._params.database, getattr(settings, "in_hot_standby", "off") == "on")
        self._connection = ref(connection)
        self.prepared: dict[str, float] = {}
        self.kinds: dict[Any, Kinds] = {}

    def enter(self, recording: Recording) -> None:
        if self._recording is not recording:
            self.prepared, self.kinds = {}, {}
        super().enter(recording)

    def flush(self) -> None:
        """SHOW is a utility statement: it has no plan, and no effect on the transaction.

        asyncpg could only send it from its event loop, which does not run while the test's thread is here, and would
        run whatever else waits in it: so it is written to the connection's socket, which nobody reads meanwhile.
        """
        connection = self._connection()
        if connection is None or not self._waiting or connection.is_closed() or connection._loop.is_running():
            return
        if self.stepping is not None or not connection.is_in_transaction():
            return
        transport = connection._transport
        if transport.get_extra_info("sslcontext") is not None or transport.get_write_buffer_size():
            return
        with suppress(OSError):  # a connection that is lost: the application will see for itself
            for message in _asked(transport.get_extra_info("socket")):
                if (body := auto_explain.document(message)) is not None:
                    self.place(body, None)


def tap_of(protocol: Any, hub: Hub) -> AsyncpgTap | None:
    """The tap of a connection; None where it is not to a watched database."""
    tap: AsyncpgTap | None = protocol.__dict__.get(TAP)
    if tap is None:
        connection = protocol.__dict__[OWNER]() if OWNER in protocol.__dict__ else None
        if connection is None:
            return None
        tap = protocol.__dict__[TAP] = AsyncpgTap(connection, protocol)
        if tap.database in hub.databases:
            hub.taps.add(tap)
    return tap if tap.database in hub.databases else None


def _asked(watched: Any) -> list[bytes]:
    """The messages of the notices that came with the answer to a SHOW."""
    notices: list[bytes] = []
    with socket.socket(fileno=os.dup(watched.fileno())) as connection:
        connection.sendall(b"Q" + (len(_SHOW) + 4).to_bytes(4, "big") + _SHOW)
        kind = b""
        while kind != b"Z":
            kind, body = _message(connection)
            if kind == b"N":
                fields = {field[:1]: field[1:] for field in body.split(b"\x00")}
                notices.append(fields.get(b"M", b""))
    return notices


def _message(connection: socket.socket) -> tuple[bytes, bytes]:
    """The next message of the server: its type and its body."""
    head = _exactly(connection, 5)
    return head[:1], _exactly(connection, int.from_bytes(head[1:], "big") - 4)


def _exactly(connection: socket.socket, size: int) -> bytes:
    read = b""
    while len(read) < size:
        if not select.select([connection], [], [], _PATIENCE)[0] or not (some := connection.recv(size - len(read))):
            raise ConnectionError("the server did not answer a SHOW")
        read += some
    return read
