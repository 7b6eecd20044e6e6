"""Where auto_explain gave no plan (no contrib, not permitted): EXPLAIN, once for each statement identity."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pytest_perfbudget.capture.libpq import COUNTED, PLANNED, document, undone
from pytest_perfbudget.model import Statement
from pytest_perfbudget.statements import Kind, identity, kind

if TYPE_CHECKING:
    import psycopg


def fill(statements: Iterable[Statement], connection: psycopg.Connection[Any]) -> None:
    """Give every plannable statement a plan, or the reason why it has none (``why_no_plan``).

    Reads are counted (EXPLAIN ANALYZE executes them), writes and server-side cursors left open (their plan comes when
    they are closed) only planned: never executed twice. Executions of one
    identity share the plan of the first that succeeded; ``connection`` has the application's rights and search_path.
    """
    groups: dict[str, list[Statement]] = {}
    for statement in statements:
        if not statement.planned and not statement.error and _plannable(statement):
            groups.setdefault(identity(statement.sql), []).append(statement)
    for group in groups.values():
        _fill(group, connection)


def _plannable(statement: Statement) -> bool:
    return statement.fetched == "cursor" or kind(statement.sql) is not Kind.UTILITY


def _fill(group: list[Statement], connection: psycopg.Connection[Any]) -> None:
    import psycopg

    first = group[0]
    options = COUNTED if kind(first.sql) is Kind.READ else PLANNED
    try:
        with undone(connection):
            plans, why = [document(connection, first, options)], None
    except psycopg.Error as error:
        state = f" (SQLSTATE {error.sqlstate})" if error.sqlstate else ""
        plans, why = [], f"EXPLAIN failed: {error}{state}"
    for statement in group:
        statement.plans, statement.source, statement.why_no_plan = list(plans), "explain", why
