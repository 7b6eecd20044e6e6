"""Query caches that live as long as a test, whose hits are compared with the database while they are made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from typing import Any

import psycopg

from pytest_perfbudget.cache.checks import Checker
from pytest_perfbudget.cache.queries import questions
from pytest_perfbudget.cache.queries.cached import Pool, QueryCache
from pytest_perfbudget.cache.queries.cached_async import AsyncPool, AsyncQueryCache
from pytest_perfbudget.cache.queries.calls import Parameters
from pytest_perfbudget.cache.queries.state import noted
from pytest_perfbudget.cache.queries.writer_async import AsyncWriter
from pytest_perfbudget.errors import CacheError, StaleError
from pytest_perfbudget.model.cache import Stale
from pytest_perfbudget.sites import Site, call_site

HITS = frozenset(("hits", "shared"))
"""What a cache counts where an entry answered: its own, or one that another caller left while this one waited."""

_SHOWN = 5
_WRITERS = (
    "write through perf_cache.connection()\n"
    "what others write to tables of perf_cache.cover() is seen within licence (0.5 s)\n"
    "a function that depends on more than its arguments and tables does not belong into pure"
)

Quiet = Callable[[], AbstractContextManager[None]]


class QueryCacheOfATest(QueryCache):
    """Has a ``checker``; ``root`` is the folder lines are shown relative to. ``asked_about`` says whether the test has
    verified its answers."""

    def __init__(self, redis: str, pool: Pool, checker: Checker, root: str = "") -> None:
        super().__init__(redis, pool)
        self.checker, self._root, self.asked_about = checker, root, False

    def fetch(self, query: str, parameters: Parameters = None) -> list[tuple[Any, ...]]:
        """As ``QueryCache.fetch``; a sample of the hits is compared with the database at once."""
        return self._compared(query, parameters, call_site(root=self._root))

    def verify(self) -> int:
        """Asks again for a sample of what was hit in this test and compares each answer with PostgreSQL's in the same
        snapshot; the number of comparisons, those made with the hits themselves included.

        Raises:
            StaleError: an answer is another one, now or when it was given.
            CacheError: there was no hit, or none could be compared.
        """
        self.asked_about = True
        with self.checker.aside():
            for query, parameters, site in self.checker.sample():
                self._compared(query, parameters, site, always=True)
        return verified(self.checker)

    def _compared(
        self, query: str, parameters: Parameters, site: Site | None, *, always: bool = False
    ) -> list[tuple[Any, ...]]:
        with self.checker.reading(query, parameters, site, always=always) as read, noted() as what:
            read.rows = super().fetch(query, parameters)
            read.hit = not HITS.isdisjoint(what)
        return read.rows


class AsyncQueryCacheOfATest(AsyncQueryCache):
    """The same for asyncio. What is compared is compared on a connection of threads: the loop waits for it.

    It closes its connections to Redis with the event loop it is used in.
    """

    def __init__(self, redis: str, pool: AsyncPool, checker: Checker, root: str = "") -> None:
        super().__init__(redis, pool)
        self.checker, self._root, self.asked_about = checker, root, False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._kept: AsyncGenerator[None, None] | None = None

    def fetch(self, query: str, parameters: Parameters = None) -> Coroutine[Any, Any, list[tuple[Any, ...]]]:
        """As ``AsyncQueryCache.fetch``; a sample of the hits is compared with the database at once."""
        return self._compared(query, parameters, call_site(root=self._root))

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncWriter]:
        """As ``AsyncQueryCache.connection``."""
        await self._keep()
        async with super().connection() as writer:
            yield writer

    async def verify(self) -> int:
        """:meth:`QueryCacheOfATest.verify`, awaited."""
        self.asked_about = True
        with self.checker.aside():
            for query, parameters, site in self.checker.sample():
                await self._compared(query, parameters, site, always=True)
        return verified(self.checker)

    def end(self) -> None:
        """Close what is open, where its loop is still there and did not do so."""
        loop = self._loop
        if self._kept is not None and loop is not None and not loop.is_closed() and not loop.is_running():
            loop.run_until_complete(self._kept.aclose())

    async def _compared(
        self, query: str, parameters: Parameters, site: Site | None, *, always: bool = False
    ) -> list[tuple[Any, ...]]:
        await self._keep()
        with self.checker.reading(query, parameters, site, always=always) as read, noted() as what:
            read.rows = await super().fetch(query, parameters)
            read.hit = not HITS.isdisjoint(what)
        return read.rows

    async def _keep(self) -> None:
        """From the first use on a generator waits in the loop: who closes the loop ends its generators first."""
        if self._kept is None:
            self._loop, self._kept = asyncio.get_running_loop(), self._until_the_end()
            await anext(self._kept)

    async def _until_the_end(self) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            self._kept = None
            await self.close()


def verified(checker: Checker) -> int:
    """The number of comparisons, where all hits were right. Raises StaleError, CacheError."""
    if checker.stale:
        raise StaleError(stale_words(checker.stale), remedy=_WRITERS)
    if not checker.hits:
        raise CacheError("no read of this test was answered by the cache: nothing was verified", remedy="fetch() twice")
    if not checker.checked:
        why = checker.why or f"{checker.undecided} hits were read while others wrote"
        raise CacheError(f"no hit of this test could be compared: {why}", remedy="verify() when nobody writes")
    return checker.checked


def stale_words(stale: list[Stale]) -> str:
    """One sentence, and beneath it the answers."""
    answers = f"{len(stale)} answers of the cache are" if len(stale) > 1 else "an answer of the cache is"
    shown = [f"{answers} not what PostgreSQL gives in the same snapshot"]
    for one in stale[:_SHOWN]:
        shown += ["", *(f"    {line}" for line in one.lines())]
    more = len(stale) - _SHOWN
    return "\n".join([*shown, f"    and {more} more"] if more > 0 else shown)


def left(name: str, cache: QueryCacheOfATest | AsyncQueryCacheOfATest) -> str:
    """What is said of stale answers that the test did not ask about; empty where there were none."""
    if cache.asked_about or not cache.checker.stale:
        return ""
    return f"{name}: {stale_words(cache.checker.stale)}"


@contextmanager
def cache_of_a_test(redis: str, pool: Pool, dsn: str, quiet: Quiet, root: str = "") -> Iterator[QueryCacheOfATest]:
    """Installed in the database; closed behind the test."""
    checker = _checker(dsn, quiet)
    cache = QueryCacheOfATest(redis, pool, checker, root)
    cache.install()
    _without_a_slot(dsn, quiet)
    try:
        yield cache
    finally:
        checker.close()
        cache.close()


@contextmanager
def async_cache_of_a_test(
    redis: str, pool: AsyncPool, dsn: str, quiet: Quiet, root: str = ""
) -> Iterator[AsyncQueryCacheOfATest]:
    """The same, installed before there is an event loop; it belongs to the first it is used in."""
    QueryCache(redis, _Direct(dsn)).install()
    _without_a_slot(dsn, quiet)
    checker = _checker(dsn, quiet)
    cache = AsyncQueryCacheOfATest(redis, pool, checker, root)
    try:
        yield cache
    finally:
        checker.close()
        cache.end()


def _without_a_slot(dsn: str, quiet: Quiet) -> None:
    """The seed may say that one covers the writers of its database: it is not of this one."""
    with quiet(), psycopg.connect(dsn, autocommit=True) as connection:
        if connection.execute(f"SELECT {questions.DECLARED}".encode()).fetchone() == (True,):
            connection.execute(questions.UNDECLARE.encode())


class _Direct:
    """Lends a new connection each time."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection[Any]]:
        with psycopg.connect(self._dsn) as connection:
            yield connection


def _checker(dsn: str, quiet: Quiet) -> Checker:
    return Checker(lambda: psycopg.connect(dsn, autocommit=True), quiet)
