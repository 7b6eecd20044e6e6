"""The shop on asyncpg. Its functions are coroutines; each has a pool of its own, for each test has its event loop."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from decimal import Decimal

import asyncpg
import sql


def pool() -> asyncpg.Pool:
    return asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=1, max_size=2)


async def recent_orders(customer: int) -> list[tuple[int, int]]:
    async with pool() as connections, connections.acquire() as connection:
        orders = [row[0] for row in await connection.fetch(sql.LATEST_ORDERS % ("$1", "$2"), customer, 20)]
        lines = sql.lines_of_orders([f"${number}" for number in range(1, len(orders) + 1)])
        found = [row[0] for row in await connection.fetch(lines, *orders)]
        return [(order, found.count(order)) for order in orders]


async def recent_orders_one_by_one(customer: int) -> list[tuple[int, int]]:
    async with pool() as connections, connections.acquire() as connection:
        orders = [row[0] for row in await connection.fetch(sql.LATEST_ORDERS % ("$1", "$2"), customer, 20)]
        lines = sql.LINES_OF_ORDER % "$1"
        return [(order, len(await connection.fetch(lines, order))) for order in orders]  # planted


async def orders_by_status(status: str) -> list[int]:
    async with pool() as connections:
        orders = await connections.fetch(sql.ORDERS_OF_STATUS % ("$1", "$2"), status, 20)  # planted: no index
        return [row[0] for row in orders]


async def order_total(order: int) -> Decimal:
    async with pool() as connections, connections.acquire() as connection:
        total = sql.SUM_OF_LINES % "$1"
        if await connection.fetchval(total, order) is None:  # planted: asked twice
            return Decimal(0)
        return await connection.fetchval(total, order)  # planted: the second time


async def loyalty(customer: int) -> int:
    async with pool() as connections:
        return await connections.fetchval(sql.LOYALTY % "$1", customer)  # planted: slow inside the function


async def place_order(customer: int, lines: list[tuple[int, int, Decimal]]) -> int:
    async with pool() as connections, connections.acquire() as connection, connection.transaction():
        total = sum(quantity * price for _, quantity, price in lines)
        order = (customer, customer, "new", datetime.now(UTC), total)
        placed = await connection.fetchval(sql.PLACE_ORDER % ("$1", "$2", "$3", "$4", "$5"), *order)
        await connection.executemany(sql.ADD_LINE % ("$1", "$2", "$3", "$4"), [(placed, *line) for line in lines])
        return placed
