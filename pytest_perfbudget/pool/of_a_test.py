"""Pools that live as long as a test: opened by it, closed behind it, whatever became of its event loop."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from weakref import WeakSet

from pytest_perfbudget.pool import AdaptivePool, AsyncAdaptivePool
from pytest_perfbudget.pool.ledger import Taken


@contextmanager
def pool_of_a_test(dsn: str) -> Iterator[AdaptivePool[Any]]:
    """A pool on ``dsn``, open, its first connection made: the test's first request does not wait for it."""
    pool: AdaptivePool[Any] = AdaptivePool(dsn, name="perf_pool", open=True)
    with pool:
        pool.wait()
        yield pool


@contextmanager
def async_pool_of_a_test(dsn: str) -> Iterator[AsyncPoolOfATest]:
    """A pool that opens itself where it is first used."""
    pool = AsyncPoolOfATest(dsn, name="perf_apool")
    try:
        yield pool
    finally:
        pool.end()


class AsyncPoolOfATest(AsyncAdaptivePool[Any]):
    """Opens itself in the event loop of the first request, so that the fixture needs to know no loop.

    ``end`` closes it from outside: in its loop where that is still there, else without it.
    """

    def __init__(self, conninfo: str, **options: Any) -> None:
        super().__init__(conninfo, **options)
        self._made: WeakSet[Any] = WeakSet()
        self._opening = asyncio.Lock()

    async def getconn(self, timeout: float | None = None) -> Any:
        """As ``AsyncAdaptivePool.getconn``; opens the pool at the first call and has its first connection made."""
        if not self._opened or self._opening.locked():
            async with self._opening:
                if not self._opened:
                    await self.open(wait=True)
        return await super().getconn(timeout)

    async def _connect(self, timeout: float | None = None) -> Any:
        connection = await super()._connect(timeout)
        self._made.add(connection)
        return connection

    def end(self) -> None:
        """Close what is open. Harmless on a pool that was never opened, or was closed by the test."""
        loop = self._loop
        if not self.closed and loop is not None and not loop.is_closed() and not loop.is_running():
            loop.run_until_complete(self.close())
        self._closed = True
        for connection in list(self._made):
            connection.pgconn.finish()


def leaks(name: str, taken: Sequence[Taken]) -> str:
    """What is said of connections that were not returned; empty where all were."""
    if not taken:
        return ""
    counted = Counter(f"{one.site}" if one.site else "a line of no file of yours" for one in taken)
    lines = ", ".join(f"{n} at {where}" if n > 1 else where for where, n in counted.most_common(5))
    number = f"{len(taken)} connections of {name} were" if len(taken) > 1 else f"a connection of {name} was"
    return f"{number} not returned, taken at {lines}"
