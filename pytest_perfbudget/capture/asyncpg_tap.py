"""What is known of an asyncpg connection, and how the plan of its last portal is fetched."""

from __future__ import annotations

from asyncio import _get_running_loop
from typing import Any
from weakref import ref

from pytest_perfbudget.capture import auto_explain
from pytest_perfbudget.capture.asyncpg_params import Kinds
from pytest_perfbudget.capture.asyncpg_wire import asked
from pytest_perfbudget.capture.hub import Hub
from pytest_perfbudget.capture.portals import Portals, Rows

OWNER, TAP = "_perfbudget_owner", "_perfbudget_tap"
"""Attributes of a protocol: a reference to its connection, and its tap."""


class AsyncpgTap(Portals):
    """Kept by the connection's protocol. ``prepared`` are the seconds it took to prepare the statements that have not
    been executed since, by name; ``kinds`` the types of statements' placeholders."""

    __slots__ = ("_connection", "kinds", "prepared")

    def __init__(self, connection: Any, protocol: Any) -> None:
        settings = protocol.get_settings()
        standby = getattr(settings, "in_hot_standby", "off") == "on"
        super().__init__(connection._params.database, standby, connection.get_server_pid())
        self._connection = ref(connection)
        self.prepares = 0 if connection._config.statement_cache_size else None
        self.prepared: dict[str, float] = {}
        self.kinds: dict[Any, Kinds] = {}

    def forget(self) -> None:
        self.prepared, self.kinds = {}, {}
        super().forget()

    def close_portal(self) -> None:
        if self._waiting:
            self.drain()

    def drain(self) -> None:
        """SHOW is a utility statement: it has no plan, and no effect on the transaction."""
        connection = self._connection()
        if connection is not None and connection._protocol and connection.is_in_transaction():
            self.ask(b"SHOW transaction_isolation")

    def ask(self, sql: bytes) -> Rows | None:
        """asyncpg could only send it from its event loop, which does not run while the test's thread is here, and would
        run whatever else waits in it: so it is written to the connection's socket, which nobody reads meanwhile."""
        connection = self._connection()
        if connection is None or connection.is_closed() or self.stepping is not None:
            return None
        if connection._protocol._is_cancelling():  # the answer to the cancelled statement is still to come
            return None
        if connection._loop.is_running() and _get_running_loop() is not connection._loop:
            return None
        transport = connection._transport
        if transport.get_extra_info("sslcontext") is not None or transport.get_write_buffer_size():
            return None
        try:
            answer = asked(transport.get_extra_info("socket"), sql)
        except OSError:  # a connection that is lost: the application will see for itself
            return None
        for message in answer.notices:
            if (body := auto_explain.document(message)) is not None:
                self.place(body, None)
        return None if answer.failed else answer.rows


def known(connection: Any) -> AsyncpgTap | None:
    """The tap of a connection, if it has one."""
    protocol = connection._protocol
    return None if protocol is None else protocol.__dict__.get(TAP)


def own(connection: Any) -> None:
    """A protocol knows its connection from now on: whoever speaks to the server takes it from there."""
    if (protocol := connection._protocol) is not None:
        protocol.__dict__[OWNER] = ref(connection)


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
