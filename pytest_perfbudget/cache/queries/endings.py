"""What a writer has to do before a statement: announce a commit, begin a transaction, or nothing."""

from __future__ import annotations

from enum import Enum
from itertools import pairwise
from typing import Any

from pytest_perfbudget.errors import CacheError
from pytest_perfbudget.statements.tokens import tokens

_ENDING = {"commit", "end", "prepare"}


class Before(Enum):
    """``COMMIT`` stands for the statement itself; the others come before it."""

    COMMIT = "commit"
    BEGIN = "begin"
    NOTHING = "nothing"


def before(query: Any, connection: Any) -> Before:
    """Of the text, bytes or ``Composable`` that psycopg was given.

    Raises:
        CacheError: the statement commits in a way that cannot be announced.
    """
    words = _words(query, connection)
    match words[:2]:
        case ["commit" | "end", *rest] if rest != ["prepared"]:
            if words[1:] not in ([], ["work"], ["transaction"]):
                raise CacheError(f"{' '.join(words)} cannot be announced", remedy="commit(), then begin()")
            return Before.COMMIT
        case ["prepare", "transaction"]:
            raise CacheError("PREPARE TRANSACTION is announced by prepare(name) only")
        case ["begin" | "start" | "rollback" | "abort" | "commit", *_]:
            return Before.NOTHING
    if _ENDING & {word for semicolon, word in pairwise(words) if semicolon == ";"}:
        raise CacheError("a COMMIT within a text of several statements cannot be announced", remedy="execute it alone")
    return Before.BEGIN


def _words(query: Any, connection: Any) -> list[str]:
    """The statement's words in lower case, without a semicolon at the end."""
    text = (
        query if isinstance(query, str) else query.decode() if isinstance(query, bytes) else query.as_string(connection)
    )
    words = [token.text.lower() for token in tokens(text)]
    while words and words[-1] == ";":
        words.pop()
    return words
