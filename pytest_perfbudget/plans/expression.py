"""Conditions and keys of a plan with everything taken out that differs between two executions.

A literal and a parameter become ``?``, and the type PostgreSQL writes after them goes: a custom plan shows
``'42'::smallint`` or ``100000`` (drivers choose the type by magnitude) where the generic plan of the same statement,
used from the sixth execution on, shows ``$1``. The type that matters stays: a cast of the column, as in
``(id)::numeric = ?``.
"""

from __future__ import annotations

import re
from functools import lru_cache

from pytest_perfbudget.plans.names import stable

_TYPE = r"""::(?:"(?:[^"]|"")*"|[\w.]+)(?:\ (?:varying|precision))?(?:\(\d+(?:,\s*-?\d+)?\))?
    (?:\ with(?:out)?\ time\ zone)?(?:\[\])*"""
_TOKEN = re.compile(
    rf"""(?P<literal>(?:\bE'(?:[^'\\]|''|\\.)*'|\b[BX]?'(?:[^']|'')*'|'(?:[^']|'')*'
        |\(\$\d+\)(?=::)|\$\d+|\bNULL(?=::)|\b\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\b)(?:{_TYPE})*)
      | (?P<subplan>\b(?:Sub|Init)Plan\ \d+)
      | (?P<name>"(?:[^"]|"")*"|[A-Za-z_\u0080-\uffff][\w$]*)""",
    re.VERBOSE | re.DOTALL,
)
_LIST = re.compile(rf"\(ARRAY\[\?(?:,\ \?)*\]\){_TYPE}|ARRAY\[\?(?:,\ \?)*\](?:{_TYPE})?", re.VERBOSE)


@lru_cache(maxsize=4096)
def normalise(text: str) -> str:
    """``((id = ANY ('{1,2}'::integer[])) AND (open))`` → ``(id = ANY (?)) AND (open)``."""
    folded = _LIST.sub("?", _TOKEN.sub(_fold, text))
    return " ".join(_bare(folded).split())


def _fold(match: re.Match[str]) -> str:
    if match["literal"]:
        return "?"
    return match[0].split(" ")[0] if match["subplan"] else stable(match[0])


def _bare(text: str) -> str:
    """Without the parentheses around the whole."""
    if not (text.startswith("(") and text.endswith(")")):
        return text
    depth = 0
    for position, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if depth == 0:
            return _bare(text[1:-1]) if position == len(text) - 1 else text
    return text
