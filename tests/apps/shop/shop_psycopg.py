"""The shop on psycopg 3, with a pool made when the module is imported."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from decimal import Decimal

import sql
from psycopg_pool import ConnectionPool

pool = ConnectionPool(
    os.environ["DATABASE_URL"], min_size=0, max_size=2, open=True, check=ConnectionPool.check_connection
)


def recent_orders(customer: int) -> list[tuple[int, int]]:
    with pool.connection() as connection:
        orders = [row[0] for row in connection.execute(sql.LATEST_ORDERS % ("%s", "%s"), (customer, 20))]
        lines = sql.lines_of_orders(["%s"] * len(orders))
        found = [row[0] for row in connection.execute(lines, orders)]
        return [(order, found.count(order)) for order in orders]


def recent_orders_one_by_one(customer: int) -> list[tuple[int, int]]:
    with pool.connection() as connection:
        orders = [row[0] for row in connection.execute(sql.LATEST_ORDERS % ("%s", "%s"), (customer, 20))]
        lines = sql.LINES_OF_ORDER % "%s"
        return [(order, len(connection.execute(lines, (order,)).fetchall())) for order in orders]  # planted


def orders_by_status(status: str) -> list[int]:
    with pool.connection() as connection:
        orders = connection.execute(sql.ORDERS_OF_STATUS % ("%s", "%s"), (status, 20))  # planted: no index
        return [row[0] for row in orders]


def order_total(order: int) -> Decimal:
    with pool.connection() as connection:
        total = sql.SUM_OF_LINES % "%s"
        if connection.execute(total, (order,)).fetchone()[0] is None:  # planted: asked twice
            return Decimal(0)
        return connection.execute(total, (order,)).fetchone()[0]  # planted: the second time


def loyalty(customer: int) -> int:
    with pool.connection() as connection:
        return connection.execute(sql.LOYALTY % "%s", (customer,)).fetchone()[0]  # planted: slow inside the function


def place_order(customer: int, lines: list[tuple[int, int, Decimal]]) -> int:
    with pool.connection() as connection, connection.cursor() as cursor:
        total = sum(quantity * price for _, quantity, price in lines)
        order = (customer, customer, "new", datetime.now(UTC), total)
        (placed,) = cursor.execute(sql.PLACE_ORDER % (("%s",) * 5), order).fetchone()
        cursor.executemany(sql.ADD_LINE % (("%s",) * 4), [(placed, *line) for line in lines])
        return placed
