"""The shop's statements as SQLAlchemy 2.1 writes them, for the variants without a mapper. ``%s`` stands for a driver's
placeholder."""

from __future__ import annotations

_ORDERS = (
    "SELECT orders.id, orders.customer_id, orders.paid_by, orders.status, orders.placed_at, orders.total FROM orders"
)
LATEST_ORDERS = f"{_ORDERS} WHERE orders.customer_id = %s::INTEGER ORDER BY orders.placed_at DESC LIMIT %s::INTEGER"
ORDERS_OF_STATUS = f"{_ORDERS} WHERE orders.status = %s::VARCHAR ORDER BY orders.placed_at DESC LIMIT %s::INTEGER"
LINES_OF_ORDER = (
    "SELECT order_lines.id, order_lines.order_id, order_lines.product_id, order_lines.quantity, order_lines.price "
    "FROM order_lines WHERE %s::BIGINT = order_lines.order_id"
)
SUM_OF_LINES = (
    "SELECT sum(order_lines.quantity * order_lines.price) AS total FROM order_lines "
    "WHERE order_lines.order_id = %s::BIGINT"
)
LOYALTY = "SELECT loyalty_points(%s::INTEGER) AS points"
PLACE_ORDER = (
    "INSERT INTO orders (customer_id, paid_by, status, placed_at, total) "
    "VALUES (%s::INTEGER, %s::INTEGER, %s::VARCHAR, %s::TIMESTAMP WITH TIME ZONE, %s) RETURNING orders.id"
)
ADD_LINE = (
    "INSERT INTO order_lines (order_id, product_id, quantity, price) VALUES (%s::BIGINT, %s::INTEGER, %s::INTEGER, %s)"
)


def lines_of_orders(placeholders: list[str]) -> str:
    """One statement for the lines of several orders."""
    orders = ", ".join(f"{one}::BIGINT" for one in placeholders)
    return (
        "SELECT order_lines.order_id, order_lines.id, order_lines.product_id, order_lines.quantity, order_lines.price "
        f"FROM order_lines WHERE order_lines.order_id IN ({orders})"
    )
