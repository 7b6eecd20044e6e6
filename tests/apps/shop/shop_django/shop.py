"""The shop's functions on Django."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import sql
from django.db import connection, transaction
from django.db.models import F, QuerySet, Sum

from shop_django.models import Order, OrderLine


def latest(customer: int) -> QuerySet[Order]:
    return Order.objects.filter(customer=customer).order_by("-placed_at")


def recent_orders(customer: int) -> list[tuple[int, int]]:
    orders = latest(customer).prefetch_related("lines")[:20]
    return [(order.id, len(order.lines.all())) for order in orders]


def recent_orders_one_by_one(customer: int) -> list[tuple[int, int]]:
    orders = latest(customer)[:20]
    return [(order.id, len(order.lines.all())) for order in orders]  # planted: one statement for each order


def orders_by_status(status: str) -> list[int]:
    orders = Order.objects.filter(status=status).order_by("-placed_at")[:20]
    return [order.id for order in orders]  # planted: no index on orders.status


def order_total(order: int) -> Decimal:
    lines = OrderLine.objects.filter(order=order)
    if lines.aggregate(total=Sum(F("quantity") * F("price")))["total"] is None:  # planted: asked twice
        return Decimal(0)
    return lines.aggregate(total=Sum(F("quantity") * F("price")))["total"]  # planted: the second time


def loyalty(customer: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql.LOYALTY, [customer])  # planted: slow inside the function
        return cursor.fetchone()[0]


def place_order(customer: int, lines: list[tuple[int, int, Decimal]]) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        total = sum(quantity * price for _, quantity, price in lines)
        order = Order.objects.create(
            customer_id=customer, paid_by=customer, status="new", placed_at=datetime.now(UTC), total=total
        )
        cursor.executemany(sql.ADD_LINE, [(order.id, *line) for line in lines])
        return order.id
