"""Reads to a standby, writes to the primary: two pools, whose connections libpq places by what each server is."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, AbstractContextManager, ExitStack
from types import TracebackType
from typing import Any

from psycopg.conninfo import make_conninfo

from pytest_perfbudget.pool.adaptive import AdaptivePool
from pytest_perfbudget.pool.adaptive_async import AsyncAdaptivePool

WRITES, READS = "read-write", "prefer-standby"
"""libpq's target_session_attrs; ``prefer-standby`` takes the primary where there is no standby (libpq 14)."""


def routed(conninfo: str, *, reads: str = "", **options: Any) -> Routed:
    """``conninfo`` names every server, ``host=one,two``: libpq asks each what it is, the application need not know.

    ``reads`` names those of the read pool where they are others. ``options`` are ``AdaptivePool``'s, for both pools. A
    connection for reads is read-only wherever it leads, so that a write on it fails at once and not after a failover.
    """
    return Routed(conninfo, reads or conninfo, options)


def routed_async(conninfo: str, *, reads: str = "", **options: Any) -> AsyncRouted:
    """``routed`` for asyncio."""
    return AsyncRouted(conninfo, reads or conninfo, options)


class Routed:
    """A context manager; ``writes`` and ``reads`` are its pools."""

    def __init__(self, writes: str, reads: str, options: dict[str, Any]) -> None:
        self.writes: AdaptivePool[Any] = AdaptivePool(_to(writes, WRITES), **_named(options, "writes"))
        self.reads: AdaptivePool[Any] = AdaptivePool(
            _to(reads, READS), **_named(options, "reads"), configure=_both(options.get("configure"))
        )

    def write(self, timeout: float | None = None) -> AbstractContextManager[Any]:
        """``with pools.write() as connection:`` on the primary."""
        return self.writes.connection(timeout)

    def read(self, timeout: float | None = None) -> AbstractContextManager[Any]:
        """``with pools.read() as connection:`` on a standby, if there is one; read-only."""
        return self.reads.connection(timeout)

    def __enter__(self) -> Routed:
        with ExitStack() as opened:
            opened.enter_context(self.writes)
            opened.enter_context(self.reads)
            opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.reads.close()
        self.writes.close()


class AsyncRouted:
    """An async context manager; ``writes`` and ``reads`` are its pools."""

    def __init__(self, writes: str, reads: str, options: dict[str, Any]) -> None:
        self.writes: AsyncAdaptivePool[Any] = AsyncAdaptivePool(_to(writes, WRITES), **_named(options, "writes"))
        self.reads: AsyncAdaptivePool[Any] = AsyncAdaptivePool(
            _to(reads, READS), **_named(options, "reads"), configure=_both_async(options.get("configure"))
        )

    def write(self, timeout: float | None = None) -> AbstractAsyncContextManager[Any]:
        """``async with pools.write() as connection:`` on the primary."""
        return self.writes.connection(timeout)

    def read(self, timeout: float | None = None) -> AbstractAsyncContextManager[Any]:
        """``async with pools.read() as connection:`` on a standby, if there is one; read-only."""
        return self.reads.connection(timeout)

    async def __aenter__(self) -> AsyncRouted:
        await self.writes.open()
        await self.reads.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.reads.close()
        await self.writes.close()


def _to(conninfo: str, attributes: str) -> str:
    return make_conninfo(conninfo, target_session_attrs=attributes)


def _named(options: dict[str, Any], role: str) -> dict[str, Any]:
    name = options.get("name")
    own = {"name": f"{name}-{role}"} if name else {}
    return {key: value for key, value in options.items() if key != "configure" or role == "writes"} | own


def _both(configure: Any) -> Any:
    def configured(connection: Any) -> None:
        connection.read_only = True
        _read_only(connection)
        if configure:
            configure(connection)

    return configured


def _both_async(configure: Any) -> Any:
    async def configured(connection: Any) -> None:
        await connection.set_read_only(True)
        _read_only(connection)
        if configure:
            await configure(connection)

    return configured


def _read_only(connection: Any) -> None:
    """In autocommit psycopg begins no transaction that could be read-only: the session is told as well."""
    connection.pgconn.exec_(b"SET default_transaction_read_only = on")
