"""What a business has been classified as."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import psycopg
from psycopg.rows import class_row

LATEST = """
    SELECT b.business_id, b.name, ic.code, ic.title, c.confidence, c.status, c.classified_at
    FROM classifications c
    JOIN businesses b ON b.business_id = c.business_id
    JOIN industry_codes ic ON ic.code = c.industry_code
    WHERE c.business_id = %s
    ORDER BY c.classified_at DESC
    LIMIT 1"""
"""A business's id → its newest classification."""


@dataclass(frozen=True, slots=True)
class Classification:
    """One classification of a business; ``confidence`` is between 0 and 1."""

    business_id: int
    name: str
    code: str
    title: str
    confidence: Decimal
    status: str
    classified_at: datetime


def latest_classification(conn: psycopg.Connection, business_id: int) -> Classification | None:
    """The newest classification of a business; None if the business is unknown."""
    with conn.cursor(row_factory=class_row(Classification)) as cursor:
        return cursor.execute(LATEST, [business_id]).fetchone()
