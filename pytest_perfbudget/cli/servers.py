"""Statements of a file, planned by a server the user named and prepared. Nothing is executed, nothing is written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_perfbudget.errors import At, SettingsError
from pytest_perfbudget.plans.parse import parse
from pytest_perfbudget.plans.render import tree
from pytest_perfbudget.plans.work import cost
from pytest_perfbudget.postgres.generic import generic_plan
from pytest_perfbudget.verdict.drift import Side

if TYPE_CHECKING:
    import psycopg

READ_ONLY = "-c default_transaction_read_only=on"


def statements(path: Path) -> list[str]:
    """The statements of a file of SQL, in order.

    Raises:
        SettingsError: it cannot be read or parsed, or holds none.
    """
    import pgparse

    try:
        text = path.read_bytes().decode("utf-8-sig")
        parsed = pgparse.parse(text)
    except OSError as error:
        raise SettingsError(f"cannot be read: {error.strerror}", at=At(str(path))) from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"not UTF-8: {error.reason} at byte {error.start}", at=At(str(path))) from None
    except pgparse.PGQueryError as error:
        raise SettingsError(f"is not SQL: {error}", at=At(str(path))) from None
    raw = text.encode()
    found = list(_cut(raw, parsed))
    if not found:
        raise SettingsError("holds no statement", at=At(str(path)))
    return found


def _cut(raw: bytes, parsed: list[dict[str, int]]) -> Iterator[str]:
    """libpg_query counts bytes; the last statement may have no length."""
    for statement in parsed:
        start = statement.get("stmt_location", 0)
        end = start + statement["stmt_len"] if statement.get("stmt_len") else len(raw)
        yield raw[start:end].decode().strip()


def side(connection: psycopg.Connection, statement: str) -> Side:
    """How this server plans the statement; one with parameters by its generic plan."""
    import psycopg

    try:
        plan = parse(generic_plan(connection, statement))
    except psycopg.Error as error:
        return Side(failed=" ".join(str(error.diag.message_primary or error).split()))
    return Side((tree(plan),), cost(plan))
