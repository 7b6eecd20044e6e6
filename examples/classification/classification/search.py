"""The search box: a registration number, or words."""

from __future__ import annotations

import re
from dataclasses import dataclass

import psycopg
from psycopg.rows import class_row

_REGISTRATION = re.compile(r"[A-Z]{2}\d{7}")


BY_REGISTRATION = """
    SELECT business_id, name, city, industry_code, 1.0::real AS rank
    FROM businesses
    WHERE registration = %s"""
"""A registration number → the business."""

BY_WORDS = """
    SELECT business_id, name, city, industry_code,
           ts_rank(search, websearch_to_tsquery('english', %(text)s)) AS rank
    FROM businesses
    WHERE search @@ websearch_to_tsquery('english', %(text)s)
    ORDER BY rank DESC, business_id
    LIMIT %(limit)s"""
"""``text``, ``limit`` → businesses."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A business that was found; a greater ``rank`` is a better match, 1 stands for the very one."""

    business_id: int
    name: str
    city: str
    industry_code: str
    rank: float


def search(conn: psycopg.Connection, text: str, limit: int = 20) -> list[Hit]:
    """The businesses that match, best first. Words take the syntax of websearch_to_tsquery: ``bakery -organic``."""
    if _REGISTRATION.fullmatch(text.strip()):
        return by_registration(conn, text.strip())
    return by_words(conn, text, limit)


def by_registration(conn: psycopg.Connection, registration: str) -> list[Hit]:
    """The business with this registration number, if there is one."""
    with conn.cursor(row_factory=class_row(Hit)) as cursor:
        return cursor.execute(BY_REGISTRATION, [registration]).fetchall()


def by_words(conn: psycopg.Connection, text: str, limit: int) -> list[Hit]:
    """Full-text search; words of the name weigh more than words of the description."""
    with conn.cursor(row_factory=class_row(Hit)) as cursor:
        return cursor.execute(BY_WORDS, {"text": text, "limit": limit}).fetchall()
