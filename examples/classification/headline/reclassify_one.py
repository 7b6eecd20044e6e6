"""The write of the workload: a classifier has looked at one business again."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from typing import Any

RETIRE = "UPDATE classifications SET is_current = false WHERE business_id = %s AND is_current"
ADD = """
    INSERT INTO classifications (business_id, classified_at, status, is_current, industry_code, confidence)
    VALUES (%s, %s, 'confirmed', true, %s, 0.9)"""
CURRENT = "SELECT industry_code FROM businesses WHERE business_id = %s FOR UPDATE"
MOVE = "UPDATE businesses SET industry_code = %s WHERE business_id = %s"


def reclassify_one(
    connection: Any, business_id: int, moves: bool, together: AbstractContextManager[object] | None = None
) -> None:
    """A new current classification of one business, of the same class or the next of its division; the caller commits.

    Within ``together`` statements that need no result of each other leave at once: a pipeline.
    """
    (code,) = connection.execute(CURRENT, (business_id,)).fetchone()
    code = f"{code[:3]}{(int(code[3:]) + 1) % 5}" if moves else code
    with together or nullcontext():
        connection.execute(RETIRE, (business_id,))
        connection.execute(ADD, (business_id, datetime.now(UTC), code))
        if moves:
            connection.execute(MOVE, (code, business_id))
