"""The shop on psycopg2, with a connection for each function."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import psycopg2
import sql


@contextmanager
def transaction() -> Iterator[Any]:
    with closing(psycopg2.connect(os.environ["DATABASE_URL"])) as connection, connection, connection.cursor() as cursor:
        yield cursor


def recent_orders(customer: int) -> list[tuple[int, int]]:
    with transaction() as cursor:
        cursor.execute(sql.LATEST_ORDERS % ("%s", "%s"), (customer, 20))
        orders = [row[0] for row in cursor]
        cursor.execute(sql.lines_of_orders(["%s"] * len(orders)), orders)
        found = [row[0] for row in cursor]
        return [(order, found.count(order)) for order in orders]


def recent_orders_one_by_one(customer: int) -> list[tuple[int, int]]:
    with transaction() as cursor:
        cursor.execute(sql.LATEST_ORDERS % ("%s", "%s"), (customer, 20))
        counted = []
        for order, *_ in cursor.fetchall():
            cursor.execute(sql.LINES_OF_ORDER % "%s", (order,))  # planted: one statement for each order
            counted.append((order, len(cursor.fetchall())))
        return counted


def orders_by_status(status: str) -> list[int]:
    with transaction() as cursor:
        cursor.execute(sql.ORDERS_OF_STATUS % ("%s", "%s"), (status, 20))  # planted: no index on orders.status
        return [row[0] for row in cursor]


def order_total(order: int) -> Decimal:
    with transaction() as cursor:
        cursor.execute(sql.SUM_OF_LINES % "%s", (order,))  # planted: asked twice
        if cursor.fetchone()[0] is None:
            return Decimal(0)
        cursor.execute(sql.SUM_OF_LINES % "%s", (order,))  # planted: the second time
        return cursor.fetchone()[0]


def loyalty(customer: int) -> int:
    with transaction() as cursor:
        cursor.execute(sql.LOYALTY % "%s", (customer,))  # planted: slow inside the function
        return cursor.fetchone()[0]


def place_order(customer: int, lines: list[tuple[int, int, Decimal]]) -> int:
    with transaction() as cursor:
        total = sum(quantity * price for _, quantity, price in lines)
        cursor.execute(sql.PLACE_ORDER % (("%s",) * 5), (customer, customer, "new", datetime.now(UTC), total))
        (placed,) = cursor.fetchone()
        cursor.executemany(sql.ADD_LINE % (("%s",) * 4), [(placed, *line) for line in lines])
        return placed
