"""The whole of an industry for another system, row by row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

import psycopg
from psycopg.rows import class_row


@dataclass(frozen=True, slots=True)
class ExportRow:
    """A business and how sure its current classification is."""

    business_id: int
    code: str
    title: str
    confidence: Decimal


def export_classifications(conn: psycopg.Connection, industry: str) -> Iterator[ExportRow]:
    """The businesses of an industry, least sure first, without ever holding them all in memory.

    The connection serves nothing else until the iterator is exhausted or closed.
    """
    sql = """
        SELECT c.business_id, ic.code, ic.title, c.confidence
        FROM industry_codes ic
        JOIN classifications c ON c.industry_code = ic.code AND c.is_current
        WHERE ic.code = %s
        ORDER BY c.confidence, c.business_id"""
    with conn.cursor(row_factory=class_row(ExportRow)) as cursor:
        yield from cursor.stream(sql, [industry])
