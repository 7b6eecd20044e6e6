"""One way to write a statement: its tokens with the same spaces, its lists without their length."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from pytest_perfbudget.statements.tokens import Kind, tokens

# fmt: off
_SPACE_BEFORE_PARENTHESIS = frozenset((
    "all", "and", "as", "between", "by", "case", "check", "conflict", "cross", "distinct", "else", "except", "exists",
    "filter", "from", "full", "group", "having", "ilike", "in", "inner", "intersect", "into", "is", "join", "key",
    "lateral", "left", "like", "limit", "materialized", "not", "offset", "on", "or", "order", "over", "returning",
    "right", "select", "set", "sets", "similar", "then", "to", "union", "unique", "using", "values", "when", "where",
    "with", "within",
))
# fmt: on
_CLOSES = {"(": ")", "[": "]"}
_NO_SPACE_BEFORE = frozenset((",", ")", "]", ";", ".", "::", ":"))
_NO_SPACE_AFTER = frozenset(("(", "[", ".", "::", ":"))
_NAME = re.compile(r'[A-Za-z_"\x80-\U0010ffff]')
_VALUE = r'\?(?:::[\w ."\[\]]+(?:\([\d, ]+\))?)?'
_CONSTANT = re.compile(rf"…|{_VALUE}|\({_VALUE}(?:, {_VALUE})*\)")
_MORE = "…"
"""Stands for the rest of a list, however long."""


def canonical(sql: str) -> str:
    """``sql`` without comments, placeholders as ``?``, evenly spaced, lower case where PostgreSQL does not care.

    Lists keep one item of each form: ``in (?, …)``, ``values (?, default), (?, ?), …``, ``array[?, …]``.
    """
    words = ["?" if token.kind is Kind.PLACEHOLDER else token.text for token in tokens(sql)]
    while words and words[-1] == ";":
        words.pop()
    return _joined(_few_rows(_grouped(words)))


def _grouped(words: list[str]) -> list[str]:
    """The words, with all that stands in brackets made one word."""
    open_groups: list[tuple[str, list[str]]] = [("", [])]
    for word in words:
        opener, group = open_groups[-1]
        if word in _CLOSES:
            open_groups.append((word, []))
        elif opener and word == _CLOSES[opener]:
            open_groups.pop()
            outer = open_groups[-1][1]
            outer.append(opener + _inside(outer[-1] if outer else "", opener, group) + word)
        else:
            group.append(word)
    return [word for opener, group in open_groups for word in (opener, *group) if word]


def _inside(before: str, opener: str, group: list[str]) -> str:
    """The text between brackets; a list of constants after IN or ARRAY has as many items as forms."""
    if (before, opener) in (("in", "("), ("array", "[")):
        items = list(_items(group))
        if all(map(_CONSTANT.fullmatch, items)):
            return _few(items, more=True)
    return _joined(_few_rows(group))


def _items(group: list[str]) -> Iterator[str]:
    item: list[str] = []
    for word in [*group, ","]:
        if word == ",":
            yield _joined(item)
            item = []
        else:
            item.append(word)


def _few_rows(words: list[str]) -> list[str]:
    """The rows after each VALUES, one of each form; a single row is another statement than several are."""
    result: list[str] = []
    place = 0
    while place < len(words):
        result.append(words[place])
        place += 1
        if result[-1] == "values" and place < len(words) and _is_group(words[place]):
            rows = [words[place]]
            while words[place + 1 : place + 2] == [","] and place + 2 < len(words) and _is_row(words[place + 2]):
                place += 2
                rows.append(words[place])
            place += 1
            result.append(_few(rows, more=len(rows) > 1))
    return result


def _is_group(word: str) -> bool:
    return word[0] == "(" and len(word) > 1


def _is_row(word: str) -> bool:
    return _is_group(word) or word == _MORE


def _few(items: Iterable[str], *, more: bool) -> str:
    forms = [form for form in dict.fromkeys(items) if form != _MORE]
    return ", ".join([*forms, _MORE] if more else forms)


def _joined(words: list[str]) -> str:
    parts: list[str] = []
    for place, word in enumerate(words):
        if place and _spaced(words, place):
            parts.append(" ")
        parts.append(word)
    return "".join(parts)


def _spaced(words: list[str], place: int) -> bool:
    """Whether a space stands before the word: calls are written ``f(x)``, keywords ``in (x)``."""
    before, word = words[place - 1], words[place]
    if before in _NO_SPACE_AFTER or word in _NO_SPACE_BEFORE or word[0] == "[":
        return False
    called = word[0] == "(" and _NAME.match(before) and before not in _SPACE_BEFORE_PARENTHESIS
    return not called or _inserted_into(words, place - 1)


def _inserted_into(words: list[str], place: int) -> bool:
    """Whether the name at ``place`` is the table of an INSERT, its schema before it perhaps."""
    while place > 1 and words[place - 1] == ".":
        place -= 2
    return place > 0 and words[place - 1] == "into"
