from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, ForeignKey, NullPool, create_engine, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, joinedload, mapped_column, relationship, selectinload

from pytest_perfbudget.capture.driver import BUILTIN
from pytest_perfbudget.capture.hub import Hub
from pytest_perfbudget.model import Origin, Statement

HERE = Path(__file__).name
ITEMS = Origin("Cart.items", "selectinload(Cart.items)")


class Base(DeclarativeBase):
    pass


class Shopper(Base):
    __tablename__ = "shopper"
    id: Mapped[int] = mapped_column(primary_key=True)
    carts: Mapped[list[Cart]] = relationship(back_populates="shopper", order_by="Cart.id")


class Cart(Base):
    __tablename__ = "cart"
    id: Mapped[int] = mapped_column(primary_key=True)
    shopper_id: Mapped[int] = mapped_column(ForeignKey("shopper.id"))
    shopper: Mapped[Shopper] = relationship(back_populates="carts")
    items: Mapped[list[Item]] = relationship()


class Item(Base):
    __tablename__ = "item"
    id: Mapped[int] = mapped_column(primary_key=True)
    cart_id: Mapped[int] = mapped_column(ForeignKey("cart.id"))


@pytest.fixture(scope="module")
def mapped(databases: dict[str, str]) -> Iterator[str]:
    """The DSN of the watched database, with the tables of the mapper in it."""
    engine = _engine(databases["watched"], "psycopg")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all(
            Shopper(id=n, carts=[Cart(id=2 * n, items=[Item(), Item()]), Cart(id=2 * n + 1)]) for n in (1, 2)
        )
        session.commit()
    yield databases["watched"]
    Base.metadata.drop_all(engine)
    engine.dispose()


@pytest.fixture
def hub() -> Iterator[Hub]:
    """Recording, with every driver watched."""
    hub = Hub(str(Path(__file__).parent))
    hub.watch("watched")
    for driver in BUILTIN:
        driver.install(hub)
    hub.start()
    try:
        yield hub
    finally:
        for driver in BUILTIN:
            driver.uninstall()


def _engine(dsn: str, driver: str, **options: Any) -> Engine:
    return create_engine(make_url(dsn).set(drivername=f"postgresql+{driver}"), **options)


def line() -> int:
    return inspect.currentframe().f_back.f_lineno  # type: ignore[union-attr]


def place(statement: Statement) -> tuple[str, int]:
    assert statement.site is not None
    return statement.site.file, statement.site.line


SYNC = pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
ASYNC = pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])


def run(dsn: str, driver: str, body: Callable[[AsyncSession], Any]) -> Any:
    async def started() -> Any:
        url = make_url(dsn).set(drivername=f"postgresql+{driver}")
        engine = create_async_engine(url, poolclass=NullPool)
        async with AsyncSession(engine) as session:
            return await body(session)

    return asyncio.run(started())


@SYNC
def test_what_a_dialect_asks_for_itself_is_no_statement(hub: Hub, dsn: str, driver: str) -> None:
    engine = _engine(dsn, driver, pool_pre_ping=True)
    for n in range(2):
        with engine.connect() as connection:
            connection.execute(text("SELECT :n"), {"n": n})
    engine.dispose()
    statements = hub.stop()
    assert len(statements) == 2
    assert [len(s.plans) for s in statements] == [1, 1]


@ASYNC
def test_nor_that_of_an_asynchronous_one(hub: Hub, dsn: str, driver: str) -> None:
    async def body() -> None:
        url = make_url(dsn).set(drivername=f"postgresql+{driver}")
        engine = create_async_engine(url, pool_pre_ping=True)
        for n in range(2):
            async with engine.connect() as connection:
                await connection.execute(text("SELECT cast(:n AS integer)"), {"n": n})
        await engine.dispose()

    asyncio.run(body())
    statements = hub.stop()
    assert [s.sql.split()[0] for s in statements] == ["SELECT", "SELECT"]
    assert [len(s.plans) for s in statements] == [1, 1]
    # asyncpg prepares what SQLAlchemy executes, once for each connection.
    assert [s.round_trips for s in statements] == ([2, 1] if driver == "asyncpg" else [1, 1])


@SYNC
def test_a_lazy_load_is_named_and_shows_the_line_that_touched_the_attribute(hub: Hub, mapped: str, driver: str) -> None:
    with Session(_engine(mapped, driver, poolclass=NullPool)) as session:
        carts = session.scalars(select(Cart).order_by(Cart.id)).all()
        for cart in carts:
            _, at = cart.items, line()
    parent, *lazy = hub.stop()
    assert parent.origin is None
    assert [statement.origin for statement in lazy] == [ITEMS] * 4
    assert {place(statement) for statement in lazy} == {(HERE, at)}


@ASYNC
def test_under_run_sync_too(hub: Hub, mapped: str, driver: str) -> None:
    seen: list[int] = []

    def touch(session: Session) -> None:
        for cart in session.scalars(select(Cart).order_by(Cart.id)).all():
            seen.append(len(cart.items) and line())

    async def body(session: AsyncSession) -> int:
        await session.run_sync(touch)
        _, at = await session.execute(text("SELECT 1")), line()
        return at

    at = run(mapped, driver, body)
    _, *lazy, last = hub.stop()
    assert [statement.origin for statement in lazy] == [ITEMS] * 4
    assert {place(statement) for statement in lazy} == {(HERE, max(seen))}
    assert {statement.site.function for statement in lazy if statement.site} == {"touch"}
    assert (place(last), last.origin) == ((HERE, at), None)


def test_the_option_names_the_way_to_the_relationship(hub: Hub, mapped: str) -> None:
    with Session(_engine(mapped, "psycopg", poolclass=NullPool)) as session:
        query = select(Shopper).options(selectinload(Shopper.carts).selectinload(Cart.items)).order_by(Shopper.id)
        session.scalars(query).all()
        session.expunge_all()
        (cart, *_) = session.scalars(select(Cart).where(Cart.id == 2)).all()
        assert cart.shopper.id == 1
        session.expunge_all()
        session.scalars(select(Cart).options(joinedload(Cart.items))).unique().all()
    origins = [statement.origin for statement in hub.stop()]
    assert origins == [
        None,
        Origin("Shopper.carts", "selectinload(Shopper.carts)"),
        Origin("Cart.items", "selectinload(Shopper.carts).selectinload(Cart.items)"),
        None,
        Origin("Cart.shopper", "joinedload(Cart.shopper)"),
        None,
    ]


def test_core_and_bulk_statements_are_counted_as_they_are_sent(hub: Hub, mapped: str) -> None:
    engine = _engine(mapped, "psycopg", poolclass=NullPool)
    with engine.connect() as connection:
        rows = [{"id": n, "cart_id": 2} for n in range(100, 103)]
        connection.execute(Item.__table__.insert(), rows)
        streamed = connection.execution_options(stream_results=True, yield_per=2).execute(
            select(Item.id).order_by("id")
        )
        assert len(streamed.all()) == 7
        connection.rollback()
    inserted, streamed = hub.stop()
    assert (inserted.calls, inserted.round_trips) == (3, 1)
    assert [plan["Query Text"] for plan in inserted.plans].count(inserted.sql) == 3
    assert (streamed.rows, len(streamed.plans)) == (7, 1)


def test_uninstalled_the_application_is_as_it_was(hub: Hub, mapped: str) -> None:
    from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

    watched = PGDialect_psycopg.initialize
    for driver in BUILTIN:
        driver.uninstall()
    assert PGDialect_psycopg.initialize is not watched
    assert PGDialect_psycopg.initialize.__module__ == "sqlalchemy.dialects.postgresql.psycopg"
    assert not hasattr(Session.execute, "__wrapped__")
    for driver in BUILTIN:
        driver.install(hub)


def test_it_waits_for_the_application_to_import_it() -> None:
    program = """
import sys
from pytest_perfbudget.capture.hub import Hub
from pytest_perfbudget.capture.sqlalchemy import Sqlalchemy
mapper = Sqlalchemy()
mapper.install(Hub())
assert "sqlalchemy" not in sys.modules
import sqlalchemy.orm
assert sqlalchemy.orm.Session.execute.__wrapped__
engine = sqlalchemy.create_engine("postgresql+psycopg://")
assert type(engine.dialect).initialize.__wrapped__
"""
    subprocess.run([sys.executable, "-c", program], check=True)
