"""A ``psycopg_pool.ConnectionPool`` that sizes itself by its load."""

from __future__ import annotations

import logging
import sys
from inspect import unwrap
from threading import Event, Thread
from typing import Any, TypeVar
from weakref import ref

from psycopg import Connection
from psycopg_pool import ConnectionPool

from pytest_perfbudget.pool.controller import Policy
from pytest_perfbudget.pool.governor import Governor, starved
from pytest_perfbudget.pool.ledger import Account, Taken
from pytest_perfbudget.sites import call_site

logger = logging.getLogger("pytest_perfbudget.pool")

CT = TypeVar("CT", bound=Connection[Any])

_WITH = unwrap(ConnectionPool.connection).__code__
"""``with pool.connection()``: whose line it is stands two frames above, beyond contextlib's."""


class AdaptivePool(ConnectionPool[CT]):
    """Between ``min_size`` and ``max_size`` connections, as many as the load needs.

    Every other argument is ``ConnectionPool``'s. ``open`` is False by default: use the pool as a context manager, or
    call ``open()``. ``policy`` says when the size changes; ``sites`` remembers the line that took each connection.

    ``max_size`` as psycopg_pool reports it is the size allowed at present; ``maximum`` is the one given.
    """

    def __init__(
        self,
        conninfo: Any = "",
        *,
        min_size: int = 1,
        max_size: int | None = 16,
        policy: Policy | None = None,
        sites: bool = True,
        open: bool = False,  # noqa: A002  (psycopg_pool's word)
        **options: Any,
    ) -> None:
        min_size, max_size = self._check_size(min_size, max_size)
        self.policy = policy or Policy()
        self._governor = Governor(min_size, max_size, self.policy)
        self._ledger, self._sites = self._governor.ledger, sites
        self._wake, self._resting = Event(), True
        self._tended = False
        super().__init__(conninfo, min_size=min_size, max_size=self._governor.controller.target, open=False, **options)
        if open:
            self.open()

    @property
    def maximum(self) -> int:
        """Never more connections than this."""
        return self._governor.controller.maximum

    @property
    def load(self) -> Account | None:
        """The account of the last window, None before the first has passed."""
        return self._governor.last

    def taken(self) -> tuple[Taken, ...]:
        """The connections in use now, the one out longest first, each with the line that took it."""
        return self._ledger.out()

    def open(self, wait: bool = False, timeout: float = 30.0) -> None:
        """As ``ConnectionPool.open``."""
        super().open(wait=wait, timeout=timeout)
        with self._lock:
            started, self._tended = self._tended, True
        if not started:
            wake = self._wake
            arguments = (ref(self, lambda _: wake.set()), wake, self.policy.interval)
            Thread(target=_tend, args=arguments, name=f"{self.name}-size", daemon=True).start()

    def close(self, timeout: float = 5.0) -> None:
        """As ``ConnectionPool.close``."""
        super().close(timeout)
        self._rouse()

    def getconn(self, timeout: float | None = None) -> CT:
        """As ``ConnectionPool.getconn``, on the account."""
        asked = self._ledger.clock()
        if self._resting:
            self._rouse()
        try:
            connection = super().getconn(timeout)
        except BaseException:
            self._ledger.refused(asked, call_site() if self._sites else None)
            raise
        site = call_site(3 if sys._getframe(1).f_code is _WITH else 1) if self._sites else None
        self._ledger.took(id(connection), asked, site)
        return connection

    def putconn(self, conn: CT) -> None:
        """As ``ConnectionPool.putconn``, on the account; before the next request can have the connection."""
        self._ledger.returned(id(conn))
        if self._nconns > self._max_size and self._given_up(conn):
            return
        super().putconn(conn)

    def _given_up(self, conn: CT) -> bool:
        """Under a load that leaves no connection idle, the size goes down by those that come back."""
        self._check_pool_putconn(conn)
        with self._lock:
            surplus = self._nconns > self._max_size and not self.closed
            self._nconns -= surplus
        if surplus:
            self._close_connection(conn)
        return surplus

    def resize(self, min_size: int, max_size: int | None = None) -> None:
        """New bounds; the size moves within them.

        ``ConnectionPool.resize`` makes ``min_size`` less the old one of new connections, whatever the pool has
        (psycopg_pool 3.3: (2, 12) grown to 12 and resized to (8, 12) has 18). Here only those that are missing are
        made.
        """
        min_size, max_size = self._check_size(min_size, max_size)
        controller = self._governor.controller
        controller.minimum, controller.maximum = min_size, max_size
        controller.target = min(max_size, max(min_size, controller.target, 1))
        with self._lock:
            self._min_size = min_size - max(0, min_size - self._nconns)
        super().resize(min_size, controller.target)
        self._rouse()

    def _rouse(self) -> None:
        self._resting = False
        self._wake.set()

    def _connect(self, timeout: float | None = None) -> CT:
        started = self._ledger.clock()
        connection = super()._connect(timeout)
        self._ledger.connected(self._ledger.clock() - started)
        return connection

    def _window(self) -> bool:
        """End a window and give the pool its size; False when nothing can change until somebody asks."""
        stats = self.get_stats()
        target = self._governor.step(stats)
        if target != self.max_size:
            super().resize(self.min_size, target)  # the same minimum: makes no connection
        if starved(stats, target):
            self.check()
        for _ in range(stats["pool_size"] - target + 1):
            if self._nconns > target:
                self._shrink_pool()  # the first only notes how many are idle, the others close one each
        return not self._governor.at_rest(self.get_stats())


def _tend(pool: ref[AdaptivePool[Any]], wake: Event, interval: float) -> None:
    """A thread for each pool; it sleeps while nobody uses the pool, and does not keep it alive."""
    pause = Event()
    while wake.wait():
        pause.wait(interval)
        wake.clear()
        tended = pool()
        if tended is None or tended.closed:
            return
        tended._resting = True  # who asks from now on wakes it
        try:
            again = tended._window()
        except Exception:
            logger.warning("pool %r keeps its size for now", tended.name, exc_info=True)
            again = True
        if again:
            tended._rouse()
        del tended
