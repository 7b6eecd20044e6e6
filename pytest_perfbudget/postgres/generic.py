"""How a server plans a statement whose parameters nobody knows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg

_PARAMETER = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|\$(\d+)", re.DOTALL)
_NAME = "perfbudget_generic"


def generic_plan(connection: psycopg.Connection, sql: str) -> list[Any]:
    """The EXPLAIN document of a statement, planned and not executed; with parameters (``$1``) its generic plan.

    EXPLAIN (GENERIC_PLAN) is of 16; a prepared statement that is forced to it gives the same plan on every major.

    Raises:
        psycopg.Error: the statement cannot be planned.
    """
    count = max((int(match[1]) for match in _PARAMETER.finditer(sql) if match[1]), default=0)
    if not count:
        return _document(connection, f"EXPLAIN (FORMAT JSON) {sql}")
    connection.execute("SET plan_cache_mode = force_generic_plan")
    connection.execute(f"PREPARE {_NAME} AS {sql}")
    try:
        nothing = ", ".join(["NULL"] * count)
        return _document(connection, f"EXPLAIN (FORMAT JSON) EXECUTE {_NAME}({nothing})")
    finally:
        connection.execute(f"DEALLOCATE {_NAME}")


def _document(connection: psycopg.Connection, sql: str) -> list[Any]:
    row = connection.execute(sql).fetchone()
    assert row is not None
    document: list[Any] = row[0]
    return document
