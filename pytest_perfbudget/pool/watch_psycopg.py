"""psycopg_pool's pools, watched at ``getconn`` and ``putconn``, which ``connection()`` and every subclass call.

Queued are the requests that psycopg_pool counts as such: none was idle, so that they waited for a return or for a
connection to be made. The time to connect is that of the private ``_connect``, ``configure`` included; a psycopg_pool
without it leaves ``pool.connect_p95`` unjudged.
"""

from __future__ import annotations

from functools import partial, wraps
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

from pytest_perfbudget.pool.ledger import Ledger
from pytest_perfbudget.pool.patching import OUTER, Patches
from pytest_perfbudget.pool.watch import Current
from pytest_perfbudget.sites import call_site


class PsycopgPools:
    """``ConnectionPool``, ``NullConnectionPool`` and the async ones."""

    name = "psycopg_pool"
    module = "psycopg_pool"

    def __init__(self) -> None:
        self._patches = Patches()
        self._queued: WeakKeyDictionary[Any, int] = WeakKeyDictionary()
        self._lock = Lock()
        self._root = ""

    def install(self, current: Current, root: str) -> None:
        """Wrap the methods."""
        from psycopg_pool import AsyncConnectionPool, ConnectionPool

        self._root = root
        for kind in (ConnectionPool, AsyncConnectionPool):
            waits = kind is AsyncConnectionPool
            self._patches.wrap(kind, "getconn", partial(self._get, current=current, waits=waits))
            self._patches.wrap(kind, "putconn", partial(_put, current=current))
            self._patches.wrap(kind, "_connect", partial(_connect, current=current, waits=waits))
        self._patches.wrap(ConnectionPool, "pop_stats", lambda pop: self._pop(pop, current))

    def uninstall(self) -> None:
        """Put the methods back."""
        self._patches.undo()
        self._queued.clear()

    def _get(self, original: Any, current: Current, waits: bool) -> Any:
        @wraps(original)
        def getconn(pool: Any, timeout: float | None = None) -> Any:
            __tracebackhide__ = True
            if (ledger := current()) is None:
                return original(pool, timeout)
            connection, asked = None, self._begin(ledger, pool)
            try:
                connection = original(pool, timeout)
            finally:
                self._end(ledger, pool, connection, asked)
            return connection

        @wraps(original)
        async def getconn_async(pool: Any, timeout: float | None = None) -> Any:
            __tracebackhide__ = True
            if (ledger := current()) is None:
                return await original(pool, timeout)
            connection, asked = None, self._begin(ledger, pool)
            try:
                connection = await original(pool, timeout)
            finally:
                self._end(ledger, pool, connection, asked)
            return connection

        return getconn_async if waits else getconn

    def _begin(self, ledger: Ledger, pool: Any) -> float:
        with self._lock:
            if pool not in self._queued:
                self._queued[pool] = pool.get_stats().get("requests_queued", 0)
        if outer := OUTER.get():
            outer.served = True
        return ledger.clock()

    def _end(self, ledger: Ledger, pool: Any, connection: Any, asked: float) -> None:
        self._count(ledger, pool)
        site = call_site(root=self._root)
        if connection is None:
            ledger.refused(asked, site)
        else:
            ledger.took(id(connection), asked, site)

    def _count(self, ledger: Ledger, pool: Any) -> None:
        with self._lock:
            queued = pool.get_stats().get("requests_queued", 0)
            ledger.queue(queued - self._queued.get(pool, queued))
            self._queued[pool] = queued

    def _pop(self, original: Any, current: Current) -> Any:
        @wraps(original)
        def pop_stats(pool: Any) -> Any:
            ledger = current()
            if ledger is not None and pool in self._queued:
                self._count(ledger, pool)
            popped = original(pool)
            if pool in self._queued:
                self._queued[pool] = 0
            return popped

        return pop_stats


def _put(original: Any, current: Current) -> Any:
    """Not a coroutine function for the async pool either: the account is kept when the call is made, and awaited is
    what the original gives."""

    @wraps(original)
    def putconn(self: Any, conn: Any) -> Any:
        __tracebackhide__ = True
        if ledger := current():
            ledger.returned(id(conn))  # before the next request can have it
        return original(self, conn)

    return putconn


def _connect(original: Any, current: Current, waits: bool) -> Any:
    @wraps(original)
    def connect(self: Any, timeout: float | None = None) -> Any:
        ledger = current()
        if ledger is None:
            return original(self, timeout)
        started = ledger.clock()
        connection = original(self, timeout)
        ledger.connected(ledger.clock() - started)
        return connection

    @wraps(original)
    async def connect_async(self: Any, timeout: float | None = None) -> Any:
        ledger = current()
        if ledger is None:
            return await original(self, timeout)
        started = ledger.clock()
        connection = await original(self, timeout)
        ledger.connected(ledger.clock() - started)
        return connection

    return connect_async if waits else connect
