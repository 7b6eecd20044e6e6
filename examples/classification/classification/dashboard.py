"""The numbers of one sector of industry."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import psycopg
from psycopg.rows import class_row

DIVISIONS = """
    SELECT ic.parent_code AS code, count(*) AS businesses, round(avg(c.confidence), 3) AS confidence,
           count(*) FILTER (WHERE c.confidence < 0.6) AS uncertain
    FROM industry_codes ic
    JOIN classifications c ON c.industry_code = ic.code AND c.is_current
    WHERE ic.sector = %s AND ic.level = 3
    GROUP BY ic.parent_code
    ORDER BY ic.parent_code"""
"""A sector → its divisions."""

LEADERS = """
    SELECT top.business_id, top.name, ic.code, top.employees
    FROM industry_codes ic
    CROSS JOIN LATERAL (SELECT b.business_id, b.name, b.employees
                        FROM businesses b
                        WHERE b.industry_code = ic.code
                        ORDER BY b.employees DESC
                        LIMIT 3) top
    WHERE ic.sector = %s AND ic.level = 3
    ORDER BY top.employees DESC, top.business_id
    LIMIT %s"""
"""A sector and how many → its largest businesses."""

DAYS = """
    SELECT date_trunc('day', classified_at, 'UTC') AS day, count(*) AS classified,
           count(*) FILTER (WHERE status = 'rejected') AS rejected
    FROM classifications
    WHERE classified_at >= %s AND classified_at < %s
    GROUP BY day
    ORDER BY day"""
"""From, until → days."""


@dataclass(frozen=True, slots=True)
class Division:
    """Businesses of a division, the mean confidence of their classifications and how many are below 0.6."""

    code: str
    businesses: int
    confidence: Decimal
    uncertain: int


@dataclass(frozen=True, slots=True)
class Leader:
    """One of the largest businesses of the sector."""

    business_id: int
    name: str
    code: str
    employees: int


@dataclass(frozen=True, slots=True)
class Day:
    """Classifications made on one day (UTC), in all sectors."""

    day: datetime
    classified: int
    rejected: int


@dataclass(frozen=True, slots=True)
class Dashboard:
    """What the page of a sector shows."""

    divisions: list[Division]
    leaders: list[Leader]
    days: list[Day]


def industry_dashboard(conn: psycopg.Connection, sector: str, since: datetime) -> Dashboard:
    """The page of a sector: its divisions, its largest businesses, and the service's work in the week ``since``."""
    return Dashboard(
        divisions=sector_divisions(conn, sector),
        leaders=sector_leaders(conn, sector),
        days=daily_work(conn, since, since + timedelta(days=7)),
    )


def sector_divisions(conn: psycopg.Connection, sector: str) -> list[Division]:
    """The divisions of a sector by code; those without a business are left out."""
    with conn.cursor(row_factory=class_row(Division)) as cursor:
        return cursor.execute(DIVISIONS, [sector]).fetchall()


def sector_leaders(conn: psycopg.Connection, sector: str, limit: int = 10) -> list[Leader]:
    """The largest businesses of a sector, at most three of one industry."""
    with conn.cursor(row_factory=class_row(Leader)) as cursor:
        return cursor.execute(LEADERS, [sector, limit]).fetchall()


def daily_work(conn: psycopg.Connection, since: datetime, until: datetime) -> list[Day]:
    """Classifications per day, from ``since`` to before ``until``."""
    with conn.cursor(row_factory=class_row(Day)) as cursor:
        return cursor.execute(DAYS, [since, until]).fetchall()
