"""The shop's tables as SQLAlchemy maps them, and its queries: the sync and the async variant share them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, DateTime, ForeignKey, Numeric, Select, Text, func, select
from sqlalchemy.ext.asyncio import AsyncAttrs
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(AsyncAttrs, DeclarativeBase):
    pass


class Order(Base):
    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    customer_id: Mapped[int]
    paid_by: Mapped[int]
    status: Mapped[str] = mapped_column(Text)
    placed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    total: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    lines: Mapped[list[OrderLine]] = relationship()


class OrderLine(Base):
    __tablename__ = "order_lines"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    product_id: Mapped[int]
    quantity: Mapped[int]
    price: Mapped[Decimal] = mapped_column(Numeric(10, 2))


def latest_orders(customer: int) -> Select[tuple[Order]]:
    return select(Order).where(Order.customer_id == customer).order_by(Order.placed_at.desc()).limit(20)


def orders_of_status(status: str) -> Select[tuple[Order]]:
    return select(Order).where(Order.status == status).order_by(Order.placed_at.desc()).limit(20)


def sum_of_lines(order: int) -> Select[tuple[Decimal]]:
    return select(func.sum(OrderLine.quantity * OrderLine.price).label("total")).where(OrderLine.order_id == order)


def loyalty_points(customer: int) -> Select[Any]:
    return select(func.loyalty_points(customer).label("points"))
