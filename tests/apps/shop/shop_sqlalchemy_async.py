"""The shop on SQLAlchemy's ORM, with asyncpg beneath. Its functions are coroutines."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from decimal import Decimal

from models import Order, OrderLine, latest_orders, loyalty_points, orders_of_status, sum_of_lines
from sqlalchemy import NullPool, insert
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import selectinload

# Without a pool: each test has an event loop of its own.
engine = create_async_engine(
    make_url(os.environ["DATABASE_URL"]).set(drivername="postgresql+asyncpg"), poolclass=NullPool
)
Session = async_sessionmaker(engine)


async def recent_orders(customer: int) -> list[tuple[int, int]]:
    async with Session() as session:
        orders = await session.scalars(latest_orders(customer).options(selectinload(Order.lines)))
        return [(order.id, len(order.lines)) for order in orders]


async def recent_orders_one_by_one(customer: int) -> list[tuple[int, int]]:
    async with Session() as session:
        orders = (await session.scalars(latest_orders(customer))).all()
        return [(order.id, len(await order.awaitable_attrs.lines)) for order in orders]  # planted: one for each order


async def orders_by_status(status: str) -> list[int]:
    async with Session() as session:
        orders = await session.scalars(orders_of_status(status))  # planted: no index on orders.status
        return [order.id for order in orders]


async def order_total(order: int) -> Decimal:
    async with Session() as session:
        if await session.scalar(sum_of_lines(order)) is None:  # planted: asked twice
            return Decimal(0)
        return await session.scalar(sum_of_lines(order))  # planted: the second time


async def loyalty(customer: int) -> int:
    async with Session() as session:
        return await session.scalar(loyalty_points(customer))  # planted: slow inside the function


async def place_order(customer: int, lines: list[tuple[int, int, Decimal]]) -> int:
    async with Session.begin() as session:
        total = sum(quantity * price for _, quantity, price in lines)
        order = Order(customer_id=customer, paid_by=customer, status="new", placed_at=datetime.now(UTC), total=total)
        session.add(order)
        await session.flush()
        rows = [{"order_id": order.id, "product_id": p, "quantity": q, "price": price} for p, q, price in lines]
        await session.execute(insert(OrderLine), rows)
        return order.id
