"""A ``psycopg_pool.AsyncConnectionPool`` that sizes itself by its load."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Any, TypeVar
from weakref import ref

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from pytest_perfbudget.errors import PoolError
from pytest_perfbudget.pool.controller import Policy
from pytest_perfbudget.pool.governor import Governor, starved
from pytest_perfbudget.pool.ledger import Account, Taken
from pytest_perfbudget.sites import call_site

logger = logging.getLogger("pytest_perfbudget.pool")

ACT = TypeVar("ACT", bound=AsyncConnection[Any])


class AsyncAdaptivePool(AsyncConnectionPool[ACT]):
    """``AdaptivePool`` for asyncio: the same arguments, properties and behaviour.

    It belongs to the event loop it is opened in; used in another it says so at once, where ``AsyncConnectionPool``
    waits for its timeout.
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
        if open:
            raise PoolError(
                "an async pool is opened in the event loop that uses it",
                remedy="async with AsyncAdaptivePool(...) as pool: ...\nor: await pool.open()",
            )
        min_size, max_size = self._check_size(min_size, max_size)
        self.policy = policy or Policy()
        self._governor = Governor(min_size, max_size, self.policy)
        self._ledger, self._sites = self._governor.ledger, sites
        self._wake: asyncio.Event
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tending: asyncio.Task[None] | None = None
        super().__init__(conninfo, min_size=min_size, max_size=self._governor.controller.target, open=False, **options)

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

    async def open(self, wait: bool = False, timeout: float = 30.0) -> None:
        """As ``AsyncConnectionPool.open``."""
        if self._loop is None:
            self._loop, self._wake = asyncio.get_running_loop(), asyncio.Event()
            wake = self._wake
            watched = ref(self, lambda _: wake.set())
            self._tending = asyncio.create_task(_tend(watched, wake, self.policy.interval))
        await super().open(wait=wait, timeout=timeout)

    async def close(self, timeout: float = 5.0) -> None:
        """As ``AsyncConnectionPool.close``."""
        self._check_loop()
        if self._tending is not None:
            self._tending.cancel()
            with suppress(asyncio.CancelledError):
                await self._tending
            self._tending = None
        await super().close(timeout)

    async def getconn(self, timeout: float | None = None) -> ACT:
        """As ``AsyncConnectionPool.getconn``, on the account.

        Raises:
            PoolError: the pool was opened in another event loop.
        """
        asked = self._ledger.clock()
        if self._loop is not None:
            self._check_loop()
            self._wake.set()
        try:
            connection = await super().getconn(timeout)
        except BaseException:
            self._ledger.refused(asked, call_site() if self._sites else None)
            raise
        self._ledger.took(id(connection), asked, call_site() if self._sites else None)
        return connection

    async def putconn(self, conn: ACT) -> None:
        """As ``AsyncConnectionPool.putconn``, on the account; before the next request can have the connection."""
        self._ledger.returned(id(conn))
        if self._nconns > self._max_size and await self._given_up(conn):
            return
        await super().putconn(conn)

    async def _given_up(self, conn: ACT) -> bool:
        """Under a load that leaves no connection idle, the size goes down by those that come back."""
        self._check_pool_putconn(conn)
        async with self._lock:
            surplus = self._nconns > self._max_size and not self.closed
            self._nconns -= surplus
        if surplus:
            await self._close_connection(conn)
        return surplus

    async def resize(self, min_size: int, max_size: int | None = None) -> None:
        """New bounds; the size moves within them. Only connections that are missing are made, see ``AdaptivePool``."""
        min_size, max_size = self._check_size(min_size, max_size)
        controller = self._governor.controller
        controller.minimum, controller.maximum = min_size, max_size
        controller.target = min(max_size, max(min_size, controller.target, 1))
        async with self._lock:
            self._min_size = min_size - max(0, min_size - self._nconns)
        await super().resize(min_size, controller.target)
        self._wake.set()

    async def _connect(self, timeout: float | None = None) -> ACT:
        started = self._ledger.clock()
        connection = await super()._connect(timeout)
        self._ledger.connected(self._ledger.clock() - started)
        return connection

    async def _window(self) -> bool:
        """End a window and give the pool its size; False when nothing can change until somebody asks."""
        stats = self.get_stats()
        target = self._governor.step(stats)
        if target != self.max_size:
            await super().resize(self.min_size, target)  # the same minimum: makes no connection
        if starved(stats, target):
            await self.check()
        for _ in range(stats["pool_size"] - target + 1):
            if self._nconns > target:
                await self._shrink_pool()  # the first only notes how many are idle, the others close one each
        return not self._governor.at_rest(self.get_stats())

    def _check_loop(self) -> None:
        if self._loop is not None and asyncio.get_running_loop() is not self._loop:
            raise PoolError(
                f"the pool {self.name!r} was opened in another event loop, where its connections live",
                remedy="open a pool in the loop that uses it; in tests: give the fixture that opens it and the test "
                "that uses it the same loop scope",
            )


async def _tend(pool: ref[AsyncAdaptivePool[Any]], wake: asyncio.Event, interval: float) -> None:
    """A task for each pool; it sleeps while nobody uses the pool, and does not keep it alive."""
    while await wake.wait():
        await asyncio.sleep(interval)
        wake.clear()
        tended = pool()
        if tended is None or tended.closed:
            return
        try:
            again = await tended._window()
        except Exception:
            logger.warning("pool %r keeps its size for now", tended.name, exc_info=True)
            again = True
        if again:
            wake.set()
        del tended
