"""What a writer has to do before a statement: announce a commit, begin a transaction, or nothing."""

from __future__ import annotations

from enum import Enum
from itertools import groupby, pairwise
from typing import Any

from pytest_perfbudget.errors import CacheError
from pytest_perfbudget.statements.tokens import tokens

_ENDING = {"commit", "end", "rollback", "abort"}


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
    if _ends_within(words):
        raise CacheError(
            "the end of a transaction within a text of several statements cannot be announced",
            remedy="execute it alone",
        )
    match words[:2]:
        case ["commit" | "end", *rest] if rest != ["prepared"]:
            if words[1:] not in ([], ["work"], ["transaction"]):
                raise CacheError(f"{' '.join(words)} cannot be announced", remedy="commit(), then begin()")
            return Before.COMMIT
        case ["prepare", "transaction"]:
            raise CacheError("PREPARE TRANSACTION is announced by prepare(name) only")
        case ["begin" | "start" | "rollback" | "abort" | "commit", *_]:
            return Before.NOTHING
    return Before.BEGIN


def _ends_within(words: list[str]) -> bool:
    """Whether a text of several statements ends a transaction: what follows may be committed with it, or by itself."""
    statements = [list(group) for semicolon, group in groupby(words, ";".__eq__) if not semicolon]
    if len(statements) < 2:
        return False
    ends = [one for one in statements if one[0] in _ENDING or one[:2] == ["prepare", "transaction"]]
    kept = sum(one[0] == "rollback" and "to" in one for one in ends)  # ROLLBACK TO SAVEPOINT
    bodies = sum(pair == ("begin", "atomic") for pair in pairwise(words))  # of functions, each with its END
    return len(ends) - kept - min(bodies, ends.count(["end"])) > 0


def _words(query: Any, connection: Any) -> list[str]:
    """The statement's words in lower case, without a semicolon at the end."""
    text = (
        query if isinstance(query, str) else query.decode() if isinstance(query, bytes) else query.as_string(connection)
    )
    words = [token.text.lower() for token in tokens(text)]
    while words and words[-1] == ";":
        words.pop()
    return words
