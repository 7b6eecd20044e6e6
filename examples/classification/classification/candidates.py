"""Which industries a set of keywords speaks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import psycopg
from psycopg.rows import class_row, scalar_row

KEYWORDS = "SELECT keyword_id FROM keywords WHERE word = ANY(%s) ORDER BY keyword_id"
"""Words → the ids of those that are keywords."""

INDUSTRIES = """
    SELECT ic.code, ic.title, sum(e.businesses)::int AS businesses,
           sum(e.businesses * (1 + coalesce(ki.weight, 0))) AS score
    FROM (SELECT b.industry_code, bk.keyword_id, count(*) AS businesses
          FROM business_keywords bk
          JOIN businesses b ON b.business_id = bk.business_id
          WHERE bk.keyword_id = ANY(%(keyword_ids)s)
          GROUP BY b.industry_code, bk.keyword_id) e
    JOIN industry_codes ic ON ic.code = e.industry_code
    LEFT JOIN keyword_industries ki ON ki.keyword_id = e.keyword_id AND ki.industry_code = e.industry_code
    GROUP BY ic.code
    ORDER BY score DESC, ic.code
    LIMIT %(limit)s"""
"""``keyword_ids``, ``limit`` → candidates."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An industry and the evidence for it: businesses with one of the keywords, weighted by keyword."""

    code: str
    title: str
    businesses: int
    score: Decimal


def classify_by_keywords(conn: psycopg.Connection, words: Sequence[str], limit: int = 5) -> list[Candidate]:
    """The industries of the businesses that have these keywords, best score first; empty for unknown words."""
    keyword_ids = find_keywords(conn, words)
    return rank_industries(conn, keyword_ids, limit) if keyword_ids else []


def find_keywords(conn: psycopg.Connection, words: Sequence[str]) -> list[int]:
    """The ids of the words that are keywords, in ascending order."""
    with conn.cursor(row_factory=scalar_row) as cursor:
        return cursor.execute(KEYWORDS, [[word.lower() for word in words]]).fetchall()


def rank_industries(conn: psycopg.Connection, keyword_ids: Sequence[int], limit: int) -> list[Candidate]:
    """Candidates for keywords given by their ids."""
    with conn.cursor(row_factory=class_row(Candidate)) as cursor:
        return cursor.execute(INDUSTRIES, {"keyword_ids": list(keyword_ids), "limit": limit}).fetchall()
