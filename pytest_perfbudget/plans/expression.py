"""Conditions and keys of a plan with everything taken out that differs between two executions.

A literal and a parameter become ``?``, and the type PostgreSQL writes after them goes: a custom plan shows
``'42'::smallint`` or ``100000`` (drivers choose the type by magnitude) where the generic plan of the same statement,
used from the sixth execution on, shows ``$1`` without a type. The types that decide what an index can serve stay: the
cast of a column or of an expression, as in ``(id)::numeric = ?``, and the operator.

The length of a list goes, be it ``ANY ('{1,2}')``, ``ARRAY[$1, $2]`` or the arms of an OR that a list of rows becomes:
``((a = 1) AND (b = 2)) OR ((a = 3) AND (b = 4))`` is ``((a = ?) AND (b = ?)) OR ...``. A list of one is no list:
PostgreSQL plans ``IN (1)`` as ``= 1``, another condition.
"""

from __future__ import annotations

import re
from functools import lru_cache

from pytest_perfbudget.plans.names import spaced, stable

_TYPE = r"""::(?:"(?:[^"]|"")*"|[\w.]+)(?:\ (?:varying|precision))?(?:\(\d+(?:,\s*-?\d+)?\))?
    (?:\ with(?:out)?\ time\ zone)?(?:\[\])*"""
_LITERAL = rf"""(?:\bE'(?:[^'\\]|''|\\.)*'|\b[BX]?'(?:[^']|'')*'|'(?:[^']|'')*'
    |\(\$\d+\)(?=::)|(?<![\w$])\$\d+|\bNULL(?=::)|(?<!\$)\b\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\b)(?:{_TYPE})*"""
_PLAIN = re.compile(_LITERAL, re.VERBOSE | re.DOTALL)
_TOKEN = re.compile(
    rf"""(?P<literal>{_LITERAL})
      | (?P<boolean>(?<![\w$])(?:true|false)(?![\w$(]))
      | (?P<subplan>\b(?:Sub|Init)Plan\ \d+)
      | (?P<name>"(?:[^"]|"")*")""",
    re.VERBOSE | re.DOTALL,
)
_OTHERS = re.compile(r"""["]|\b(?:true|false)\b|Plan\ \d|pg_t""", re.VERBOSE)
"""What a condition may hold besides literals that is not left as it stands."""
_LIST = re.compile(rf"\(ARRAY\[\?(?:,\ \?)*\]\){_TYPE}|ARRAY\[\?(?:,\ \?)*\](?:{_TYPE})?", re.VERBOSE)
_INNER = r"\((?:[^()]|\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\))*\)"
_OR = re.compile(rf"({_INNER})(?: OR \1)+")
_BRACKET = re.compile(r"[()]")
_CONSTANT = frozenset(("true", "false"))
"""A One-Time Filter that PostgreSQL has worked out already."""


@lru_cache(maxsize=4096)
def normalise(text: str) -> str:
    """``((id = ANY ('{1,2}'::integer[])) AND (open))`` → ``(id = ANY (?)) AND (open)``."""
    if text in _CONSTANT:
        return text
    folded = stable(_TOKEN.sub(_fold, text)) if _OTHERS.search(text) else _PLAIN.sub("?", text)
    return spaced(_bare(_arms(_LIST.sub("?", folded) if "ARRAY[" in folded else folded)))


def _fold(match: re.Match[str]) -> str:
    if match["literal"] or match["boolean"]:
        return "?"
    return match[0].split(" ")[0] if match["subplan"] else stable(match[0])


def _arms(text: str) -> str:
    """Equal neighbours among the arms of an OR written once, with ``...`` for the others."""
    return _OR.sub(r"\1 OR ...", text) if " OR " in text else text


def _bare(text: str) -> str:
    """Without the parentheses around the whole."""
    if not (text.startswith("(") and text.endswith(")")):
        return text
    if text.count("(") == 1 and text.count(")") == 1:
        return text[1:-1]
    closed: dict[int, int] = {}
    opened: list[int] = []
    for bracket in _BRACKET.finditer(text):
        if bracket[0] == "(":
            opened.append(bracket.start())
        elif opened:
            closed[opened.pop()] = bracket.start()
    start, end = 0, len(text)
    while closed.get(start) == end - 1:
        start, end = start + 1, end - 1
    return text[start:end]
