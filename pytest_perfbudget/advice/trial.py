"""Try an index for real and leave nothing behind: CREATE INDEX, EXPLAIN ANALYZE, ROLLBACK. Needs no extension."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_perfbudget.capture.replay import count_work_again
from pytest_perfbudget.model import Statement, Work
from pytest_perfbudget.plans.parse import parse
from pytest_perfbudget.plans.work import work

if TYPE_CHECKING:
    import psycopg


def try_index(connection: psycopg.Connection[Any], definition: str, statement: Statement, major: int) -> Work | None:
    """The work of a read with the index in place, or None if it cannot be built or the read fails.

    ``connection`` is in autocommit, to a database that is thrown away: a rolled-back CREATE INDEX overwrites
    ``pg_class.reltuples`` for good on PostgreSQL 15 and 17.
    """
    import psycopg

    try:
        with connection.transaction(force_rollback=True):
            connection.execute(definition.encode())
            return work(parse(count_work_again(connection, statement)), major)
    except psycopg.Error:
        return None
