"""What a person should look at next."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import psycopg
from psycopg.rows import class_row

LOW_CONFIDENCE = Decimal("0.600")
"""Classifications below this confidence are reviewed by a person."""

Position = tuple[Decimal, int]
"""Confidence and id of a classification: the place in the queue after it."""


QUEUE = """
    SELECT c.classification_id, c.business_id, b.name, ic.code, ic.title, c.confidence
    FROM classifications c
    JOIN businesses b ON b.business_id = c.business_id
    JOIN industry_codes ic ON ic.code = c.industry_code
    WHERE c.status = 'unreviewed' AND c.confidence < %(low)s
      AND (c.confidence, c.classification_id) > (%(confidence)s, %(classification_id)s)
    ORDER BY c.confidence, c.classification_id
    LIMIT %(limit)s"""
"""``low``, ``confidence``, ``classification_id``, ``limit`` → a page of the queue."""


@dataclass(frozen=True, slots=True)
class Review:
    """A classification that waits for a person."""

    classification_id: int
    business_id: int
    name: str
    code: str
    title: str
    confidence: Decimal

    @property
    def position(self) -> Position:
        """What the next page comes after."""
        return self.confidence, self.classification_id


def review_queue(conn: psycopg.Connection, after: Position | None = None, limit: int = 50) -> list[Review]:
    """A page of the queue, least confident first; the next page comes ``after`` the last row's ``position``."""
    with conn.cursor(row_factory=class_row(Review)) as cursor:
        return cursor.execute(QUEUE, parameters(after, limit)).fetchall()


def parameters(after: Position | None, limit: int) -> dict[str, Decimal | int]:
    """Of ``QUEUE``, for the page ``after`` that position."""
    confidence, classification_id = after or (Decimal(0), 0)
    return {
        "low": LOW_CONFIDENCE,
        "confidence": confidence,
        "classification_id": classification_id,
        "limit": limit,
    }
