"""The identity of a SQL statement: the same value for the same query, whatever the literals and the layout.

``pgparse.fingerprint`` gives ``id = $1``, ``id IN (…)`` and ``id = ANY($1)`` one value, so identity is the hash of
the *normalised text*: libpg_query replaces the literals, we fold what remains (a driver's placeholders, comments, white
space, letter case, the length of IN, ARRAY and VALUES lists).
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from enum import StrEnum
from functools import lru_cache

from pytest_perfbudget.statements.canonical import canonical
from pytest_perfbudget.statements.placeholders import question_marks_and_names, server_side
from pytest_perfbudget.statements.tokens import tokens, uncommented

_MODIFYING = ("InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt", "lockingClause", "intoClause")


class Kind(StrEnum):
    """What a statement does: ``utility`` is never planned (BEGIN, SET, DDL)."""

    READ = "read"
    WRITE = "write"
    UTILITY = "utility"


@lru_cache(maxsize=1024)
def normalise(sql: str) -> str:
    """The text of a statement with everything taken out that does not make it another query.

    SQL that libpg_query cannot parse is folded as it stands, literals included.
    """
    import pgparse

    for readable in _readings(sql):
        with contextlib.suppress(pgparse.PGQueryError):
            return canonical(pgparse.normalize(readable))
    return canonical(readable)


def identity(sql: str) -> str:
    """Twelve hexadecimal digits that name a statement in baselines and reports."""
    return hashlib.sha256(normalise(sql).encode()).hexdigest()[:12]


def _readings(sql: str) -> Iterator[str]:
    """What PostgreSQL may have been sent: the text, or the text a driver has made of it."""
    text = server_side(uncommented(sql))
    yield text
    yield question_marks_and_names(text)


def one_line(sql: str, width: int = 0) -> str:
    """The statement as a reader sees it in a table: white space folded, cut to ``width`` characters if given."""
    text = " ".join(sql.split())
    return text if not width or len(text) <= width else text[: width - 1] + "…"


def verb(sql: str) -> str:
    """``" /* shop */ (SELECT 1)"`` → ``"select"``; empty where there is no word."""
    return next((token.text for token in tokens(sql) if token.text not in "(;"), "")


def kind(sql: str) -> Kind:
    """Whether executing the statement again could change anything (a data-modifying CTE and a locking read could)."""
    first = verb(sql)
    if first in ("insert", "update", "delete", "merge"):
        return Kind.WRITE
    if first in ("select", "with", "values", "table"):
        return Kind.WRITE if _modifies(sql) else Kind.READ
    return Kind.UTILITY


def _modifies(sql: str) -> bool:
    import pgparse

    for readable in _readings(sql):
        with contextlib.suppress(pgparse.PGQueryError):
            tree = str(pgparse.parse(readable))
            return any(word in tree for word in _MODIFYING)
    return True
