"""What watching costs a statement, driver by driver: paired, interleaved in one process and on one connection, medians.

    python tests/benchmarks/drivers.py

Each line is a statement without capture, what capture adds on the client side, and what it adds with plans: there the
statement without capture is on a database without auto_explain. ``null`` is the comparison with nothing watched.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import asyncpg
import psycopg
import psycopg2
from sqlalchemy import BigInteger, NullPool, create_engine, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from pytest_perfbudget.capture.driver import BUILTIN
from pytest_perfbudget.capture.hub import Hub
from pytest_perfbudget.postgres.embedded import Embedded
from pytest_perfbudget.postgres.profile import capture
from pytest_perfbudget.postgres.server import Request

ROUNDS, PER_ROUND, WARM = 150, 50, 10
SCHEMA = "CREATE TABLE numbers (id bigint PRIMARY KEY); INSERT INTO numbers SELECT generate_series(1, 1000)"
Statement = Callable[[int], Any]


class Base(DeclarativeBase):
    pass


class Number(Base):
    __tablename__ = "numbers"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)


def on_psycopg(dsn: str) -> tuple[Statement, None]:
    connection = psycopg.connect(dsn, autocommit=True)
    return lambda n: connection.execute("SELECT id FROM numbers WHERE id = %s", (n,)).fetchall(), None


def on_psycopg2(dsn: str) -> tuple[Statement, None]:
    connection = psycopg2.connect(dsn)
    connection.autocommit = True

    def statement(n: int) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT id FROM numbers WHERE id = %s", (n,))
            cursor.fetchall()

    return statement, None


def on_asyncpg(dsn: str) -> tuple[Statement, asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    connection = loop.run_until_complete(asyncpg.connect(dsn))
    return lambda n: connection.fetch("SELECT id FROM numbers WHERE id = $1", n), loop


def on_core(dsn: str) -> tuple[Statement, None]:
    engine = create_engine(make_url(dsn).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    connection, query = engine.connect(), text("SELECT id FROM numbers WHERE id = :n")
    return lambda n: connection.execute(query, {"n": n}).all(), None


def on_orm(dsn: str) -> tuple[Statement, None]:
    engine = create_engine(make_url(dsn).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    session = Session(engine)
    return lambda n: session.scalars(select(Number).where(Number.id == n % 1000 + 1)).all(), None


def on_async_core(dsn: str) -> tuple[Statement, asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    # Without a pool, which would complain of a connection that goes with this process.
    url = make_url(dsn).set(drivername="postgresql+asyncpg")
    engine = create_async_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)

    async def connect() -> Any:
        return await engine.connect()

    connection = loop.run_until_complete(connect())
    query = text("SELECT id FROM numbers WHERE id = :n")
    return lambda n: connection.execute(query, {"n": n}), loop


KINDS = {
    "psycopg": on_psycopg,
    "psycopg2": on_psycopg2,
    "asyncpg": on_asyncpg,
    "SQLAlchemy Core, psycopg": on_core,
    "SQLAlchemy ORM, psycopg": on_orm,
    "SQLAlchemy async Core, asyncpg": on_async_core,
}


def timed(statement: Statement, loop: asyncio.AbstractEventLoop | None) -> float:
    """Seconds of one statement, the mean of a round."""

    async def awaited() -> float:
        for n in range(WARM):
            await statement(n)
        started = perf_counter()
        for n in range(PER_ROUND):
            await statement(n)
        return (perf_counter() - started) / PER_ROUND

    if loop is not None:
        return loop.run_until_complete(awaited())
    for n in range(WARM):
        statement(n)
    started = perf_counter()
    for n in range(PER_ROUND):
        statement(n)
    return (perf_counter() - started) / PER_ROUND


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


def added(kind: Callable[[str], Any], without: str, within: str, *, record: bool = True) -> tuple[float, float]:
    """Microseconds of a statement, and those that capture adds; connections are made while the driver is watched."""
    hub = Hub()
    hub.watch("plain")
    hub.watch("plans")
    with watched(hub):
        off = kind(without)
        on = off if within == without else kind(within)
        timed(*off), timed(*on)
    bare, seen = [], []
    for turn in range(ROUNDS):
        for side in ((0, 1), (1, 0))[turn % 2]:
            if side and record:
                with watched(hub):
                    seen.append(timed(*on))
            else:
                (seen if side else bare).append(timed(*(on if side else off)))
    return median(bare) * 1e6, median(b - a for a, b in zip(bare, seen, strict=True)) * 1e6


def main() -> None:
    cache = tempfile.mkdtemp(prefix="perfbudget-figures-")
    Path(cache).chmod(0o755)
    server = Embedded().start(Request(run=uuid.uuid4().hex, cache=cache))
    try:
        dsns = {}
        for name in ("plain", "plans"):
            server.admin.execute(f"DROP DATABASE IF EXISTS {name}")
            server.admin.execute(f"CREATE DATABASE {name}")
            dsns[name] = server.dsn(name)
        for setting, value in capture(server.major).items():
            server.admin.execute(f"ALTER DATABASE plans SET {setting} = {value}")
        for dsn in dsns.values():
            with psycopg.connect(dsn, autocommit=True) as connection:
                connection.execute(SCHEMA)
        print(f"{'':<32}{'bare':>10}{'null':>10}{'client':>10}{'plans':>10}   µs, median of {ROUNDS} pairs")
        for name, kind in KINDS.items():
            bare, null = added(kind, dsns["plain"], dsns["plain"], record=False)
            _, client = added(kind, dsns["plain"], dsns["plain"])
            _, plans = added(kind, dsns["plain"], dsns["plans"])
            print(f"{name:<32}{bare:>10.1f}{null:>+10.1f}{client:>+10.1f}{plans:>+10.1f}", flush=True)
    finally:
        server.close()
        shutil.rmtree(cache, ignore_errors=True)


if __name__ == "__main__":
    main()
