"""The placeholders of drivers, as PostgreSQL writes them: libpg_query reads ``$1`` only.

``%s`` and ``%(name)s`` (with ``%%`` for ``%``) are taken for placeholders wherever they stand; ``?`` and ``:name`` only
in text that PostgreSQL cannot read as it is, for ``?`` is also an operator of jsonb and ``:`` part of a slice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pytest_perfbudget.statements.tokens import Kind, Token, tokens

_BEFORE_QUESTION_MARK = frozenset(("=", "<", ">", "<=", ">=", "<>", "+", "-", "*", "/", "||"))


def server_side(sql: str) -> str:
    """``sql`` with ``$1`` in place of ``%s`` and ``%(name)s``; itself where it holds none."""
    pieces = list(tokens(sql)) if "%" in sql else []
    if not any(_of_client(token) for token in pieces):
        return sql
    return _replaced(sql, (t for t in pieces if _of_client(t) or (t.kind is Kind.OPERATOR and "%%" in t.text)))


def _of_client(token: Token) -> bool:
    return token.kind is Kind.PLACEHOLDER and token.text[0] == "%"


def question_marks_and_names(sql: str) -> str:
    """``sql`` with ``$1`` in place of every ``?`` and ``:name``."""
    return _replaced(sql, _found(list(tokens(sql))))


def _found(pieces: list[Token]) -> Iterator[Token]:
    for token, following in zip(pieces, [*pieces[1:], None], strict=True):
        if token.kind is Kind.OPERATOR and token.text[-1] == "?" and token.text[:-1] in {"", *_BEFORE_QUESTION_MARK}:
            yield Token(Kind.PLACEHOLDER, "$1", token.end - 1, token.end)
        elif token.text == ":" and following and following.kind is Kind.WORD and following.start == token.end:
            yield Token(Kind.PLACEHOLDER, "$1", token.start, following.end)


def _replaced(sql: str, found: Iterable[Token]) -> str:
    parts, last = [], 0
    for token in found:
        new = token.text.replace("%%", "%") if token.kind is Kind.OPERATOR else " $1 "
        parts += [sql[last : token.start], new]
        last = token.end
    return "".join([*parts, sql[last:]])
