"""Moving businesses from one industry code to another, a batch at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import psycopg
from psycopg.rows import scalar_row


def reclassify(conn: psycopg.Connection, from_code: str, to_code: str, at: datetime, limit: int = 100) -> list[int]:
    """Move the ``limit`` businesses that are least surely ``from_code``; the caller commits.

    Returns:
        The ids of the businesses that moved, ascending; empty when no business is left in ``from_code``.
    """
    business_ids = sorted(retire_current(conn, from_code, limit))
    if business_ids:
        add_confirmed(conn, business_ids, to_code, at)
        move_businesses(conn, business_ids, to_code)
    return business_ids


def retire_current(conn: psycopg.Connection, code: str, limit: int) -> list[int]:
    """Make the least confident current classifications of an industry history; the ids of their businesses."""
    sql = """
        UPDATE classifications c
        SET is_current = false
        FROM (SELECT classification_id
              FROM classifications
              WHERE is_current AND industry_code = %s
              ORDER BY confidence, business_id
              LIMIT %s
              FOR UPDATE) least
        WHERE c.classification_id = least.classification_id
        RETURNING c.business_id"""
    with conn.cursor(row_factory=scalar_row) as cursor:
        return cursor.execute(sql, [code, limit]).fetchall()


def add_confirmed(conn: psycopg.Connection, business_ids: Sequence[int], code: str, at: datetime) -> None:
    """A confirmed, current classification for each business."""
    sql = """
        INSERT INTO classifications (business_id, classified_at, status, is_current, industry_code, confidence)
        SELECT business_id, %s, 'confirmed', true, %s, 1
        FROM unnest(%s::int[]) business_id"""
    conn.execute(sql, [at, code, list(business_ids)])


def move_businesses(conn: psycopg.Connection, business_ids: Sequence[int], code: str) -> None:
    """Carry the code of the current classification over to the businesses."""
    sql = "UPDATE businesses SET industry_code = %s WHERE business_id = ANY(%s::int[])"
    conn.execute(sql, [code, list(business_ids)])
