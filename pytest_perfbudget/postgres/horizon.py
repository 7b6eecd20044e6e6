"""An open transaction of ours, so that a page a test writes to twice is the same page in every run.

PostgreSQL removes a dead row from its page when it next reads the page, once no snapshot can see the row any more
(heap_page_prune_opt, src/backend/access/heap/pruneheap.c). A snapshot reaches back to the oldest transaction that is
open in any database of the cluster (GetSnapshotData, procarray.c): with another worker's at work, or a database cloned
in the background, dead rows stay, and 60 updates of one row touch 670 blocks instead of 340. As nobody can keep other
transactions away, this one is always there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psycopg

    from pytest_perfbudget.postgres.server import Server

_OPEN = "begin; select pg_current_xact_id()"
_UNLIMITED = "set idle_in_transaction_session_timeout = 0; set statement_timeout = 0"


class Horizon:
    """One per process. The transaction is in the maintenance database and holds no snapshot: VACUUM and CREATE INDEX
    CONCURRENTLY in other databases do not wait for it."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._connection: psycopg.Connection | None = None

    def hold(self) -> None:
        """From now on no dead row is removed; held already, anew.

        Raises:
            ServerError: the server is gone.
        """
        self.release()
        if self._connection is None:
            self._connection = self._server.connect()
            self._connection.execute(_UNLIMITED)
        self._connection.execute(_OPEN)

    def release(self) -> None:
        """Let go. A connection that was lost has let go."""
        import psycopg

        if self._connection is None:
            return
        try:
            self._connection.execute("rollback")
        except psycopg.Error:
            self.close()

    def close(self) -> None:
        """End the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
