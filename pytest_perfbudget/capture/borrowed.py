"""The application's own connection, for a moment: in its open transaction stands what nobody else can see."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from pytest_perfbudget.capture.hub import Hub
from pytest_perfbudget.capture.tap import Tap

if TYPE_CHECKING:
    import psycopg

_INTRANS = 2
"""PQTRANS_INTRANS: idle, within a transaction block."""


def borrowed(hub: Hub) -> AbstractContextManager[psycopg.Connection[Any]] | None:
    """The one connection of psycopg with an open transaction that is idle; None where there is none, or several.

    Whoever takes it leaves the transaction as it was (``libpq.undone``).
    """
    taps = [tap for tap in hub.taps if isinstance(tap, Tap) and tap.database in hub.databases]
    found = [connection for tap in taps if _idle(connection := tap.connection)]
    return _taken(hub, found[0]) if len(found) == 1 else None


def _idle(connection: Any) -> bool:
    import psycopg

    if not isinstance(connection, psycopg.Connection) or connection.pgconn.transaction_status != _INTRANS:
        return False
    return not connection.pgconn.pipeline_status and not connection.lock.locked()


@contextmanager
def _taken(hub: Hub, connection: psycopg.Connection[Any]) -> Iterator[psycopg.Connection[Any]]:
    with hub.mute(), connection.lock:
        yield connection
