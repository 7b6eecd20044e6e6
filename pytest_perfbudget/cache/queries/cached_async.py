"""The query cache of an event loop: reads over a pool, writes over connections that announce their commits."""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Protocol

from psycopg import AsyncConnection, Error, pq

from pytest_perfbudget.cache.queries import covering, declaring, entries, executions, questions, reads, slots
from pytest_perfbudget.cache.queries.accesses import HORIZON, AccessLog, Forecast, Warming
from pytest_perfbudget.cache.queries.calls import Call, Parameters, call
from pytest_perfbudget.cache.queries.driving_async import AsyncDriving
from pytest_perfbudget.cache.queries.lending import AsyncLending, lends
from pytest_perfbudget.cache.queries.state import Settings, State
from pytest_perfbudget.cache.queries.store_async import AsyncStore
from pytest_perfbudget.cache.queries.usage import Usage, usage_of
from pytest_perfbudget.cache.queries.writer_async import AsyncWriter


class AsyncPool(Protocol):
    """Anything that lends connections of one database, one role and one set of settings; psycopg_pool and ours do."""

    def connection(self) -> Any:
        """An async context manager of a connection."""


class AsyncQueryCache:
    """:class:`~pytest_perfbudget.cache.QueryCache` for asyncio, over an ``AsyncConnectionPool``.

    The arguments and the promise are the same; both share entries.
    """

    def __init__(
        self,
        redis: str,
        pool: AsyncPool,
        settings: Settings | None = None,
        *,
        timeout: float = 0.25,
        pause: float = 1.0,
        cluster: bool = False,
        log: AccessLog | None = None,
    ) -> None:
        self._pool, self._log = lends(pool), log
        self._store = AsyncStore(redis, timeout=timeout, pause=pause, cluster=cluster)
        self._driving = AsyncDriving(self._store)
        self._state = State(settings or Settings(), time.monotonic, random.random)

    async def install(self) -> None:
        """Makes the table in which writers without Redis leave what they changed; once, with a role that may.

        All roles that write or read through the cache need SELECT, INSERT and DELETE on it.
        """
        async with self._lent() as connection:
            await connection.execute(questions.CREATE_DEBTS)

    async def cover(self, *tables: str) -> None:
        """Makes statement triggers on these tables and all that inherit from them, for writers that use no cache.

        What they commit is seen within ``licence`` seconds. Their DDL is not seen. With a role that owns the tables.
        """
        async with self._lent() as connection:
            await connection.execute(covering.CREATE_FUNCTION)
            for table in tables:
                found = await (await connection.execute(covering.TREE, (table,))).fetchall()
                for (name,) in found:
                    await connection.execute(covering.create_trigger(name).encode())

    async def decode(self, *, ddl: bool = True) -> None:
        """Makes a replication slot, from which readers learn what anybody has written to tables of the database; with a
        role that owns the table of debts and has REPLICATION. Waits for the transactions that run.

        What is committed is seen within ``licence`` seconds. DDL is told by an event trigger, which a superuser has to
        make; with ``ddl`` false, that of writers without a cache is not seen. Roles that read need EXECUTE on the
        functions ``perfbudget_cache_peek`` and ``_advance``. The slot holds WAL back: :meth:`undecode` drops it.

        Raises:
            CacheError: ``wal_level`` is not ``logical``, a right is missing, or there can be no further slot.
        """
        async with self._lent() as connection:
            await self._driving.drive(slots.decode(self._state, ddl), connection)

    async def undecode(self) -> None:
        """Drops what :meth:`decode` has made; writers have to be covered in another way from now on."""
        async with self._lent() as connection:
            await self._driving.drive(slots.undecode(self._state), connection)

    async def key(self, table: str, *columns: str) -> None:
        """Covers the table, and tells its rows apart by these columns: a read with ``column = value`` depends on the
        rows with that value only. Replaces the columns it had. With a role that owns the table.

        Raises:
            CacheError: the table or a column cannot have keys.
        """
        async with self._lent() as connection:
            await self._driving.drive(declaring.declare(self._state, table, columns), connection)

    async def fetch(self, query: str, parameters: Parameters = None) -> list[tuple[Any, ...]]:
        """The rows of a statement, from Redis or from PostgreSQL: what a transaction of its own would see.

        A statement that writes is executed and committed. Raises what psycopg raises; never an error of Redis.

        Raises:
            CacheError: a transaction ends within a text of several statements.
        """
        return await self._fetched(query, parameters, self._log)

    async def warm(self, log: Forecast, budget: str | float = "2 s", horizon: float = HORIZON) -> int:
        """Executes what ``log`` (or :meth:`usage`) says the next ``horizon`` seconds will ask for, unless it is kept:
        the most valuable first, as long as ``budget`` (seconds, or ``"2 s"``) lasts. Returns how many were looked at.

        Raises:
            ValueError: the budget is no duration.
        """
        plan = Warming(log, budget, horizon, self._state.clock)
        for asked in plan:
            with suppress(Error):  # a table that has gone since
                await self._fetched(asked.text, asked.parameters, None)
        return plan.seen

    async def usage(self) -> Usage:
        """What ``pg_stat_statements`` has counted of this database and role, with the hits of this cache.

        Raises:
            CacheError: the extension is not installed, or not loaded.
        """
        async with self._lent() as connection:
            return await self._driving.drive(usage_of(self._state), connection)

    async def _fetched(self, query: str, parameters: Parameters, log: AccessLog | None) -> list[tuple[Any, ...]]:
        began = self._state.clock()
        asked = call(query, parameters)
        if self._state.renews(began):
            async with AsyncLending(self._lent) as lending:
                await self._driving.drive(reads.renew(self._state), lending)
        place = self._state.licensed(began)
        kept = (
            await self._driving.drive(reads.look_up(self._state, place, asked), None)
            if place and isinstance(asked, Call)
            else None
        )
        if kept and not reads.due(self._state, kept):
            assert isinstance(asked, Call)
            self._state.count("hits", asked.fingerprint)
            if log is not None:
                log.note(asked, time.time(), None)
            return entries.rows(kept)
        async with AsyncLending(self._lent) as lending:
            if isinstance(asked, Call):
                started = self._state.clock()
                answer = await self._driving.drive(reads.miss(self._state, asked, began, kept), lending)
                if log is not None:
                    log.note(asked, time.time(), None if answer.entry else self._state.clock() - started)
            else:
                result = await self._driving.drive(executions.run_text(self._state, query, parameters), lending)
                answer = reads.Answer(None, result)
            if answer.entry:
                return entries.rows(answer.entry)
            assert answer.result
            return entries.rows_of_result(answer.result, None if self._state.granted[0] else lending.last)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncWriter]:
        """A connection for writing: what it commits is announced. Commits at the end, rolls back on an exception."""
        async with self._lent() as connection:
            writer = AsyncWriter(connection, self._state, self._driving.drive)
            async with writer.watched():
                yield writer

    def report(self) -> dict[str, int | str]:
        """Counts since the start, and the last failure of Redis: hits, executed, kept, unreachable, refused, …"""
        return {**self._state.report(), **({"redis": self._store.breaker.last} if self._store.breaker.last else {})}

    async def close(self) -> None:
        """Closes the connections to Redis; the pool is the caller's."""
        await self._store.close()

    @asynccontextmanager
    async def _lent(self) -> AsyncIterator[AsyncConnection[Any]]:
        """A connection of the pool whose transactions are ours."""
        async with self._pool.connection() as connection:
            before = connection.autocommit
            await connection.set_autocommit(True)
            try:
                yield connection
            finally:
                if connection.info.pipeline_status:  # cancelled at its end
                    await connection.close()
                if not connection.closed:
                    if connection.info.transaction_status != pq.TransactionStatus.IDLE:
                        await connection.rollback()
                    await connection.set_autocommit(before)
