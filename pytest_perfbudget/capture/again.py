"""A captured statement planned again: without sequential scans, or without its parameters' values."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_perfbudget.capture.libpq import COUNTED, PLANNED, checked, document, undone
from pytest_perfbudget.model import Statement
from pytest_perfbudget.statements import Kind, kind

if TYPE_CHECKING:
    import psycopg

CUSTOM = 5
"""Executions that PostgreSQL plans with their values before it weighs the generic plan (``choose_custom_plan``)."""

_NAME = "perfbudget_again"


@dataclass(frozen=True, slots=True)
class Tried:
    """The generic plan's EXPLAIN document, executed where the statement only reads; the estimates of the custom plans,
    without the charge for planning them; and whether the sixth execution took the generic plan."""

    document: dict[str, Any]
    custom: tuple[float, ...]
    switches: bool


def without_seqscan(connection: psycopg.Connection[Any], statement: Statement) -> dict[str, Any]:
    """The EXPLAIN document with ``enable_seqscan = off``; nothing is executed.

    Raises:
        psycopg.Error: the server refused it.
    """
    with undone(connection):
        connection.pgconn.exec_(b"SET LOCAL enable_seqscan = off")
        return document(connection, statement, PLANNED)


def try_generic(connection: psycopg.Connection[Any], executions: Sequence[Statement]) -> Tried:
    """Prepare the statement, plan it as often as it takes with the parameters of its executions, in turn, and look
    which plan the sixth got; then ask for the generic one, with the parameters of the last.

    A statement prepared through the protocol can be named by SQL's EXECUTE: that gives plans on every major, where
    EXPLAIN (GENERIC_PLAN) is of 16, executes nothing and wants all parameters to have a type.

    Raises:
        psycopg.Error: the server refused it.
    """
    statement = executions[-1]
    options = COUNTED if kind(statement.sql) is Kind.READ else PLANNED
    with _prepared(connection, statement), undone(connection):
        calls = [_call(connection, one) for one in executions[:CUSTOM]]
        custom = [_explain(connection, PLANNED, calls[number % len(calls)]) for number in range(CUSTOM + 1)][:CUSTOM]
        switches = _scalar(connection, f"SELECT generic_plans FROM pg_prepared_statements WHERE name = '{_NAME}'")
        connection.pgconn.exec_(b"SET LOCAL plan_cache_mode = force_generic_plan")
        generic = _explain(connection, options, _call(connection, statement))
    costs = tuple(float(one["Plan"]["Total Cost"]) for one in custom)
    return Tried(generic | {"Query Text": statement.sql}, costs, switches != b"0")


@contextmanager
def _prepared(connection: psycopg.Connection[Any], statement: Statement) -> Iterator[None]:
    """Prepared statements outlive a rollback."""
    checked(connection.pgconn.prepare(_NAME.encode(), statement.sql.encode(), statement.types or None))
    try:
        yield
    finally:
        connection.pgconn.exec_(f"DEALLOCATE {_NAME}".encode())


def _call(connection: psycopg.Connection[Any], statement: Statement) -> str:
    """``EXECUTE name ('42', NULL)``: the server itself writes values of binary formats as text."""
    from psycopg.pq import Escaping

    columns = ", ".join(f"${number}::text" for number in range(1, len(statement.params) + 1))
    asked = f"SELECT {columns}".encode()
    found = checked(
        connection.pgconn.exec_params(
            asked, statement.params or None, statement.types or None, list(statement.formats) or None
        )
    )
    values = [found.get_value(0, number) for number in range(len(statement.params))]
    quoted = [b"NULL" if value is None else Escaping(connection.pgconn).escape_literal(value) for value in values]
    return f"EXECUTE {_NAME} ({', '.join(bytes(value).decode() for value in quoted)})"


def _explain(connection: psycopg.Connection[Any], options: bytes, call: str) -> dict[str, Any]:
    result = checked(connection.pgconn.exec_(options + call.encode()))
    found: dict[str, Any] = json.loads(result.get_value(0, 0) or b"[{}]")[0]
    return found


def _scalar(connection: psycopg.Connection[Any], sql: str) -> bytes | None:
    return checked(connection.pgconn.exec_(sql.encode())).get_value(0, 0)
