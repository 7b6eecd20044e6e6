"""The query cache of threads: reads over a pool, writes over connections that announce their commits."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol

from psycopg import Connection, Error, pq

from pytest_perfbudget.cache.queries import covering, declaring, entries, executions, questions, reads, slots
from pytest_perfbudget.cache.queries.accesses import HORIZON, AccessLog, Forecast, Warming
from pytest_perfbudget.cache.queries.calls import Call, Parameters, call
from pytest_perfbudget.cache.queries.driving import Driving
from pytest_perfbudget.cache.queries.lending import Lending, lends
from pytest_perfbudget.cache.queries.state import Settings, State
from pytest_perfbudget.cache.queries.store import Store
from pytest_perfbudget.cache.queries.usage import Usage, usage_of
from pytest_perfbudget.cache.queries.writer import Writer


class Pool(Protocol):
    """Anything that lends connections of one database, one role and one set of settings; psycopg_pool and ours do."""

    def connection(self) -> Any:
        """A context manager of a connection."""


class QueryCache:
    """Results of reads in Redis that are never stale, as far as all writers of their tables use :meth:`connection`.

    ``redis`` is a URL; of a Redis Cluster with ``cluster=True``. ``timeout`` bounds every command of Redis in seconds,
    and a Redis that failed is left alone for ``pause`` seconds: statements run without it. ``log`` notes every access.
    """

    def __init__(
        self,
        redis: str,
        pool: Pool,
        settings: Settings | None = None,
        *,
        timeout: float = 0.25,
        pause: float = 1.0,
        cluster: bool = False,
        log: AccessLog | None = None,
    ) -> None:
        self._pool, self._log = lends(pool), log
        self._store = Store(redis, timeout=timeout, pause=pause, cluster=cluster)
        self._driving = Driving(self._store)
        self._state = State(settings or Settings(), time.monotonic, random.random)

    def install(self) -> None:
        """Makes the table in which writers without Redis leave what they changed; once, with a role that may.

        All roles that write or read through the cache need SELECT, INSERT and DELETE on it.
        """
        with self._lent() as connection:
            connection.execute(questions.CREATE_DEBTS)

    def cover(self, *tables: str) -> None:
        """Makes statement triggers on these tables and all that inherit from them, for writers that use no cache.

        What they commit is seen within ``licence`` seconds. Their DDL is not seen. With a role that owns the tables.
        """
        with self._lent() as connection:
            connection.execute(covering.CREATE_FUNCTION)
            for table in tables:
                found = (connection.execute(covering.TREE, (table,))).fetchall()
                for (name,) in found:
                    connection.execute(covering.create_trigger(name).encode())

    def decode(self, *, ddl: bool = True) -> None:
        """Makes a replication slot, from which readers learn what anybody has written to tables of the database; with a
        role that owns the table of debts and has REPLICATION. Waits for the transactions that run.

        What is committed is seen within ``licence`` seconds. DDL is told by an event trigger, which a superuser has to
        make; with ``ddl`` false, that of writers without a cache is not seen. Roles that read need EXECUTE on the
        functions ``perfbudget_cache_peek`` and ``_advance``. The slot holds WAL back: :meth:`undecode` drops it.

        Raises:
            CacheError: ``wal_level`` is not ``logical``, a right is missing, or there can be no further slot.
        """
        with self._lent() as connection:
            self._driving.drive(slots.decode(self._state, ddl), connection)

    def undecode(self) -> None:
        """Drops what :meth:`decode` has made; writers have to be covered in another way from now on."""
        with self._lent() as connection:
            self._driving.drive(slots.undecode(self._state), connection)

    def key(self, table: str, *columns: str) -> None:
        """Covers the table, and tells its rows apart by these columns: a read with ``column = value`` depends on the
        rows with that value only. Replaces the columns it had. With a role that owns the table.

        Raises:
            CacheError: the table or a column cannot have keys.
        """
        with self._lent() as connection:
            self._driving.drive(declaring.declare(self._state, table, columns), connection)

    def fetch(self, query: str, parameters: Parameters = None) -> list[tuple[Any, ...]]:
        """The rows of a statement, from Redis or from PostgreSQL: what a transaction of its own would see.

        A statement that writes is executed and committed. Raises what psycopg raises; never an error of Redis.

        Raises:
            CacheError: a transaction ends within a text of several statements.
        """
        return self._fetched(query, parameters, self._log)

    def warm(self, log: Forecast, budget: str | float = "2 s", horizon: float = HORIZON) -> int:
        """Executes what ``log`` (or :meth:`usage`) says the next ``horizon`` seconds will ask for, unless it is kept:
        the most valuable first, as long as ``budget`` (seconds, or ``"2 s"``) lasts. Returns how many were looked at.

        Raises:
            ValueError: the budget is no duration.
        """
        plan = Warming(log, budget, horizon, self._state.clock)
        for asked in plan:
            with suppress(Error):  # a table that has gone since
                self._fetched(asked.text, asked.parameters, None)
        return plan.seen

    def usage(self) -> Usage:
        """What ``pg_stat_statements`` has counted of this database and role, with the hits of this cache.

        Raises:
            CacheError: the extension is not installed, or not loaded.
        """
        with self._lent() as connection:
            return self._driving.drive(usage_of(self._state), connection)

    def _fetched(self, query: str, parameters: Parameters, log: AccessLog | None) -> list[tuple[Any, ...]]:
        began = self._state.clock()
        asked = call(query, parameters)
        if self._state.renews(began):
            with Lending(self._lent) as lending:
                self._driving.drive(reads.renew(self._state), lending)
        place = self._state.licensed(began)
        kept = (
            self._driving.drive(reads.look_up(self._state, place, asked), None)
            if place and isinstance(asked, Call)
            else None
        )
        if kept and not reads.due(self._state, kept):
            assert isinstance(asked, Call)
            self._state.count("hits", asked.fingerprint)
            if log is not None:
                log.note(asked, time.time(), None)
            return entries.rows(kept)
        with Lending(self._lent) as lending:
            if isinstance(asked, Call):
                started = self._state.clock()
                answer = self._driving.drive(reads.miss(self._state, asked, began, kept), lending)
                if log is not None:
                    log.note(asked, time.time(), None if answer.entry else self._state.clock() - started)
            else:
                result = self._driving.drive(executions.run_text(self._state, query, parameters), lending)
                answer = reads.Answer(None, result)
            if answer.entry:
                return entries.rows(answer.entry)
            assert answer.result
            return entries.rows_of_result(answer.result, None if self._state.granted[0] else lending.last)

    @contextmanager
    def connection(self) -> Iterator[Writer]:
        """A connection for writing: what it commits is announced. Commits at the end, rolls back on an exception."""
        with self._lent() as connection:
            writer = Writer(connection, self._state, self._driving.drive)
            with writer.watched():
                yield writer

    def report(self) -> dict[str, int | str]:
        """Counts since the start, and the last failure of Redis: hits, executed, kept, unreachable, refused, …"""
        return {**self._state.report(), **({"redis": self._store.breaker.last} if self._store.breaker.last else {})}

    def close(self) -> None:
        """Closes the connections to Redis; the pool is the caller's."""
        self._store.close()

    @contextmanager
    def _lent(self) -> Iterator[Connection[Any]]:
        """A connection of the pool whose transactions are ours."""
        with self._pool.connection() as connection:
            before = connection.autocommit
            connection.autocommit = True
            try:
                yield connection
            finally:
                if connection.info.pipeline_status:  # cancelled at its end
                    connection.close()
                if not connection.closed:
                    if connection.info.transaction_status != pq.TransactionStatus.IDLE:
                        connection.rollback()
                    connection.autocommit = before
