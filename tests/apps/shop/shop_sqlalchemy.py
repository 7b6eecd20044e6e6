"""The shop on SQLAlchemy's ORM, with psycopg beneath."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from decimal import Decimal

from models import Order, OrderLine, latest_orders, loyalty_points, orders_of_status, sum_of_lines
from sqlalchemy import create_engine, insert
from sqlalchemy.orm import selectinload, sessionmaker

engine = create_engine(os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://"), pool_pre_ping=True)
Session = sessionmaker(engine)


def recent_orders(customer: int) -> list[tuple[int, int]]:
    with Session() as session:
        orders = session.scalars(latest_orders(customer).options(selectinload(Order.lines)))
        return [(order.id, len(order.lines)) for order in orders]


def recent_orders_one_by_one(customer: int) -> list[tuple[int, int]]:
    with Session() as session:
        orders = session.scalars(latest_orders(customer)).all()
        return [(order.id, len(order.lines)) for order in orders]  # planted: one statement for each order


def orders_by_status(status: str) -> list[int]:
    with Session() as session:
        orders = session.scalars(orders_of_status(status))  # planted: no index on orders.status
        return [order.id for order in orders]


def order_total(order: int) -> Decimal:
    with Session() as session:
        if session.scalar(sum_of_lines(order)) is None:  # planted: asked twice
            return Decimal(0)
        return session.scalar(sum_of_lines(order))  # planted: the second time


def loyalty(customer: int) -> int:
    with Session() as session:
        return session.scalar(loyalty_points(customer))  # planted: slow inside the function


def place_order(customer: int, lines: list[tuple[int, int, Decimal]]) -> int:
    with Session.begin() as session:
        total = sum(quantity * price for _, quantity, price in lines)
        order = Order(customer_id=customer, paid_by=customer, status="new", placed_at=datetime.now(UTC), total=total)
        session.add(order)
        session.flush()
        rows = [{"order_id": order.id, "product_id": p, "quantity": q, "price": price} for p, q, price in lines]
        session.execute(insert(OrderLine), rows)
        return order.id
