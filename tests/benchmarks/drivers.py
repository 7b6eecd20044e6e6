"""What watching costs a statement, driver by driver: paired, interleaved in one process and on one connection, medians.

    python tests/benchmarks/drivers.py

Each line is a statement without capture, what capture adds on the client side, and what it adds with plans: there the
statement without capture is on a database without auto_explain. ``null`` is the comparison with nothing watched.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from time import perf_counter, process_time
from typing import Any

import asyncpg
import psycopg
import psycopg2
from capture_databases import plain_and_plans
from sqlalchemy import BigInteger, NullPool, create_engine, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from pytest_perfbudget.capture.driver import BUILTIN
from pytest_perfbudget.capture.hub import Hub

ROUNDS, PER_ROUND, WARM = 150, 50, 10


@dataclass
class Open:
    """A connection: what executes the statement on it with a number, the loop if that is to be awaited, its end."""

    statement: Callable[[int], Any]
    close: Callable[[], Any]
    loop: asyncio.AbstractEventLoop | None = None


class Base(DeclarativeBase):
    pass


class Number(Base):
    __tablename__ = "numbers"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)


def on_psycopg(dsn: str) -> Open:
    connection = psycopg.connect(dsn, autocommit=True)
    query = "SELECT id FROM numbers WHERE id = %s"

    def statement(n: int) -> list[Any]:
        return connection.execute(query, (n,)).fetchall()

    return Open(statement, connection.close)


def on_psycopg2(dsn: str) -> Open:
    connection = psycopg2.connect(dsn)
    connection.autocommit = True

    def statement(n: int) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT id FROM numbers WHERE id = %s", (n,))
            cursor.fetchall()

    return Open(statement, connection.close)


def on_asyncpg(dsn: str) -> Open:
    loop = asyncio.new_event_loop()
    connection = loop.run_until_complete(asyncpg.connect(dsn))

    async def statement(n: int) -> list[Any]:
        return await connection.fetch("SELECT id FROM numbers WHERE id = $1", n)

    return Open(statement, connection.close, loop)


def on_core(dsn: str) -> Open:
    engine = create_engine(make_url(dsn).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    connection, query = engine.connect(), text("SELECT id FROM numbers WHERE id = :n")

    def statement(n: int) -> Any:
        return connection.execute(query, {"n": n}).all()

    return Open(statement, connection.close)


def on_orm(dsn: str) -> Open:
    engine = create_engine(make_url(dsn).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    session = Session(engine)

    def statement(n: int) -> Any:
        return session.scalars(select(Number).where(Number.id == n % 1000 + 1)).all()

    return Open(statement, session.close)


def on_async_core(dsn: str) -> Open:
    loop = asyncio.new_event_loop()
    url = make_url(dsn).set(drivername="postgresql+asyncpg")
    engine = create_async_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)

    async def connect() -> Any:
        return await engine.connect()

    connection = loop.run_until_complete(connect())
    query = text("SELECT id FROM numbers WHERE id = :n")

    async def statement(n: int) -> Any:
        return await connection.execute(query, {"n": n})

    return Open(statement, connection.close, loop)


KINDS = {
    "psycopg": on_psycopg,
    "psycopg2": on_psycopg2,
    "asyncpg": on_asyncpg,
    "SQLAlchemy Core, psycopg": on_core,
    "SQLAlchemy ORM, psycopg": on_orm,
    "SQLAlchemy async Core, asyncpg": on_async_core,
}


def timed(on: Open) -> tuple[float, float]:
    """Microseconds of one statement, the mean of a round: on the clock, and of this process's CPU."""

    async def awaited(times: int) -> None:
        for n in range(times):
            await on.statement(n)

    def executed(times: int) -> None:
        if on.loop is not None:
            on.loop.run_until_complete(awaited(times))
            return
        for n in range(times):
            on.statement(n)

    executed(WARM)
    started, cpu = perf_counter(), process_time()
    executed(PER_ROUND)
    return (perf_counter() - started) / PER_ROUND * 1e6, (process_time() - cpu) / PER_ROUND * 1e6


@contextmanager
def watched(hub: Hub) -> Iterator[None]:
    for driver in BUILTIN:
        driver.install(hub)
    hub.start()
    try:
        yield
    finally:
        hub.stop()
        for driver in BUILTIN:
            driver.uninstall()


def added(kind: Callable[[str], Open], without: str, within: str, *, record: bool = True) -> tuple[float, float, float]:
    """Of a statement its microseconds, and those that capture adds on the clock and of CPU. Connections are made while
    the driver is watched; with ``record`` false nothing is when they are timed."""
    hub = Hub()
    hub.watch("plain")
    hub.watch("plans")
    with watched(hub):
        off = kind(without)
        on = off if within == without else kind(within)
        timed(off), timed(on)
    bare, seen = [], []
    for turn in range(ROUNDS):
        for side in ((0, 1), (1, 0))[turn % 2]:
            if side and record:
                with watched(hub):
                    seen.append(timed(on))
            else:
                (seen if side else bare).append(timed(on if side else off))
    for one in {id(off): off, id(on): on}.values():
        closing = one.close()
        if one.loop is not None:
            one.loop.run_until_complete(closing)
    clock, cpu = (median(b[n] - a[n] for a, b in zip(bare, seen, strict=True)) for n in (0, 1))
    return median(a[0] for a in bare), clock, cpu


def main() -> None:
    with plain_and_plans() as (plain, plans):
        columns = "".join(f"{word:>20}" for word in ("null", "client", "plans"))
        print(f"{'':<32}{'bare':>10}{columns}   µs on the clock (CPU), median of {ROUNDS} pairs")
        for name, kind in KINDS.items():
            null = added(kind, plain, plain, record=False)
            figures = [null, added(kind, plain, plain), added(kind, plain, plans)]
            shown = "".join(f"{f'{clock:+.1f} ({cpu:+.1f})':>20}" for _, clock, cpu in figures)
            print(f"{name:<32}{null[0]:>10.1f}{shown}", flush=True)


if __name__ == "__main__":
    main()
