"""SQL in pieces, as PostgreSQL's lexer cuts it: comments and white space are gone, quoted text stays whole.

Source: the manual, "SQL Syntax: Lexical Structure". A placeholder of a driver's own (``%s``, ``%(name)s``) is a piece
too, like ``$1``.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from enum import Enum, auto
from typing import NamedTuple


class Kind(Enum):
    """``WORD``: a keyword or an unquoted identifier; ``QUOTED``: a quoted one; ``MARK``: ``( ) [ ] , ; . : :: :=``."""

    WORD = auto()
    QUOTED = auto()
    STRING = auto()
    NUMBER = auto()
    PLACEHOLDER = auto()
    OPERATOR = auto()
    MARK = auto()


class Token(NamedTuple):
    """One piece: ``text`` as written (words in lower case), and where it stood in the statement."""

    kind: Kind
    text: str
    start: int
    end: int


_LETTER = r"[A-Za-z_\x80-\U0010ffff]"
_WORD = rf"{_LETTER}(?:{_LETTER}|[0-9$])*"
_CLIENT = rf"%\({_WORD}\)[sbt](?![\w$])|%s(?![\w$])"
_TOKEN = re.compile(
    rf"""
    (?P<space>[ \t\n\r\f\v]+|--[^\n\r]*)
    | (?P<comment>/\*)
    | (?P<string>
        [eE]'(?:[^'\\]|\\.|'')*'
        | (?:[bBxXnN]|[uU]&)?'(?:[^']|'')*'
        | (?P<tag>\$(?:{_LETTER}(?:{_LETTER}|\d)*)?\$).*?(?P=tag)
    )
    | (?P<quoted>(?:[uU]&)?"(?:[^"]|"")*")
    | (?P<word>{_WORD})
    | (?P<placeholder>\$\d+|{_CLIENT})
    | (?P<number>0[xXoObB][0-9A-Fa-f_]+|(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d+)?)
    | (?P<mark>::|:=|[()\[\],;.:])
    | (?P<operator>(?:(?!--|/\*|{_CLIENT})[+\-*/<>=~!@\#%^&|`?])+)
    | (?P<other>.)
    """,
    re.DOTALL | re.VERBOSE,
)
_COMMENT = re.compile(r"/\*|\*/")
_KINDS = {kind.name.lower(): kind for kind in Kind}
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
"""PostgreSQL folds the letter case of ASCII alone: in UTF-8, É and é are two names."""


def tokens(sql: str) -> Iterator[Token]:
    """The pieces of ``sql`` in their order. What is no SQL is taken character by character, as operators."""
    position = 0
    while match := _TOKEN.match(sql, position):
        name, text, position = match.lastgroup or "", match[0], match.end()
        if name == "comment":
            position = _comment_end(sql, position)
        elif name == "operator":
            text = _operator(text)
            position = match.start() + len(text)
            yield Token(Kind.OPERATOR, "<>" if text == "!=" else text, match.start(), position)
        elif name != "space":
            text = text.translate(_LOWER) if name == "word" else text
            yield Token(_KINDS.get(name, Kind.OPERATOR), text, match.start(), position)


def uncommented(sql: str) -> str:
    """``sql`` with white space in place of its comments, which libpg_query does not take between NOT and IN."""
    if "--" not in sql and "/*" not in sql:
        return sql
    parts, last = [], 0
    for token in tokens(sql):
        gap = sql[last : token.start]
        parts += ["\n" if "\n" in gap else " " if gap else "", sql[token.start : token.end]]
        last = token.end
    return "".join(parts)


def _comment_end(sql: str, position: int) -> int:
    """Where the comment ends that was opened before ``position``: comments nest."""
    depth = 1
    while depth and (match := _COMMENT.search(sql, position)):
        depth += 1 if match[0] == "/*" else -1
        position = match.end()
    return len(sql) if depth else position


def _operator(run: str) -> str:
    """The first operator of a run: one of several characters ends in + or - only if it holds one of ``~!@#%^&|`?``."""
    while len(run) > 1 and run[-1] in "+-" and not set(run[:-1]) & set("~!@#%^&|`?"):
        run = run[:-1]
    return run
