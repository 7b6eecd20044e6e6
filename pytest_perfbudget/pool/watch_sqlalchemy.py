"""SQLAlchemy's pools: taken and returned by the pool's events, the wait around ``Pool.connect``, which engines call.

Queued are the requests for which the queue of a ``QueuePool`` had nothing, and no connection more could be made. Time
to connect is that of the dialect: a ``creator`` of the application's own is not timed. Over a ``creator`` that takes
its connections from psycopg_pool, that pool's account has them.
"""

from __future__ import annotations

from functools import wraps
from typing import Any

from pytest_perfbudget.pool.patching import OUTER, Patches, Request
from pytest_perfbudget.pool.watch import Current
from pytest_perfbudget.sites import call_site


class SqlalchemyPools:
    """Every subclass of ``sqlalchemy.pool.Pool``, whichever engine it belongs to, async ones included."""

    name = "SQLAlchemy"
    module = "sqlalchemy"

    def __init__(self) -> None:
        self._patches = Patches()
        self._heard: list[tuple[str, Any]] = []

    def install(self, current: Current, root: str) -> None:
        """Listen, and wrap the methods."""
        from sqlalchemy import event
        from sqlalchemy.engine.default import DefaultDialect
        from sqlalchemy.pool import Pool, SingletonThreadPool
        from sqlalchemy.util import queue

        def taken(connection: Any, record: Any, fairy: Any) -> None:
            if request := OUTER.get():
                request.record = record

        def returned(connection: Any, record: Any) -> None:
            if ledger := current():
                ledger.returned(id(record))

        self._heard = [("checkout", taken), ("checkin", returned), ("detach", returned)]
        for name, heard in self._heard:
            event.listen(Pool, name, heard)
        for pool in (Pool, SingletonThreadPool):  # the latter has a method of its own
            self._patches.wrap(pool, "connect", lambda get: _get(get, current, root))
        self._patches.wrap(DefaultDialect, "connect", lambda make: _connect(make, current))
        for kind in (queue.Queue, queue.AsyncAdaptedQueue):
            self._patches.wrap(kind, "get", lambda get: _queue(get, current))

    def uninstall(self) -> None:
        """Stop listening, and put the methods back."""
        from sqlalchemy import event
        from sqlalchemy.pool import Pool

        for name, heard in self._heard:
            event.remove(Pool, name, heard)
        self._heard = []
        self._patches.undo()


def _get(original: Any, current: Current, root: str) -> Any:
    @wraps(original)
    def connect(self: Any) -> Any:
        __tracebackhide__ = True
        ledger = current()
        if ledger is None:
            return original(self)
        request, asked, connection = Request(), ledger.clock(), None
        token = OUTER.set(request)
        try:
            connection = original(self)
        finally:
            OUTER.reset(token)
            if not request.served:
                if connection is None:
                    ledger.refused(asked, call_site(root=root))
                elif request.record is not None:  # None where a thread is given the connection it has already
                    ledger.took(id(request.record), asked, call_site(root=root))
        return connection

    return connect


def _connect(original: Any, current: Current) -> Any:
    @wraps(original)
    def connect(self: Any, *arguments: Any, **options: Any) -> Any:
        ledger = current()
        if ledger is None:
            return original(self, *arguments, **options)
        started = ledger.clock()
        connection = original(self, *arguments, **options)
        ledger.connected(ledger.clock() - started)
        return connection

    return connect


def _queue(original: Any, current: Current) -> Any:
    """First without waiting: what has to wait is then known exactly, whatever other threads do meanwhile."""

    @wraps(original)
    def get(self: Any, block: bool = True, timeout: float | None = None) -> Any:
        from sqlalchemy.util.queue import Empty

        ledger = current()
        if ledger is None or not block:
            return original(self, block, timeout)
        try:
            return original(self, False)
        except Empty:
            ledger.queue(1)
        return original(self, block, timeout)

    return get
