"""A turn that failed: which of its errors is the statement's, and what is left of its connection."""

from __future__ import annotations

from typing import Any

from psycopg import Error, pq


def first(error: Error, around: BaseException | None) -> Error:
    """The error that the others follow from: psycopg raises that of a statement, and while it does, that those after it
    were not executed, or that the connection has ended. ``around`` was being handled before the turn."""
    while isinstance(error.__context__, Error) and error.__context__ is not around:
        error = error.__context__
    return error


def lost(connection: Any) -> bool:
    """Whether the connection is to be closed after a turn that failed: it is still in the pipeline, as somebody
    cancelled its end; or no transaction began, and psycopg takes statements for prepared that were not (the end of a
    transaction that failed has it forget them)."""
    status = connection.info.transaction_status
    return bool(connection.info.pipeline_status) or status == pq.TransactionStatus.IDLE
