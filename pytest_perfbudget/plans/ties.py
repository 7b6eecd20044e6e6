"""Whether two plans have one shape, or one but for the index that PostgreSQL picked among equals.

Two indexes that begin with the same columns serve a condition on these alike; PostgreSQL takes the one that was created
last. So index names are compared only where nothing else says what the index is read for: a scan with an Index Cond is
the same scan by another index, one without (read from end to end, for its order or for its columns) is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from enum import Enum

from pytest_perfbudget.plans.render import GAP

Lines = Sequence[str]

_NAME = r'(?:"(?:[^"]|"")*"|[^\s"]+)'
_USING = re.compile(rf"\b(Index (?:Only )?Scan(?: Backward)? using) {_NAME}(?= on )")
_BITMAP = re.compile(rf"\b(Bitmap Index Scan on) {_NAME}\Z")
_SERVED = "Index Cond: "


class Shape(Enum):
    """How the plans of today stand to those that are known."""

    SAME = "same"
    TIE = "tie"
    OTHER = "other"


def shape(known: Iterable[Lines], now: Iterable[Lines]) -> Shape:
    """``SAME`` where every plan of ``now`` is known, ``TIE`` where every one is but for the names of its indexes."""
    before, today = {tuple(lines) for lines in known}, {tuple(lines) for lines in now}
    if today <= before:
        return Shape.SAME
    return Shape.TIE if set(map(nameless, today)) <= set(map(nameless, before)) else Shape.OTHER


def nameless(lines: Lines) -> tuple[str, ...]:
    """The lines without the names of indexes that serve an Index Cond."""
    return tuple(_nameless(line) if _SERVED in line else line for line in lines)


def _nameless(line: str) -> str:
    bare = line.lstrip(" ")
    head, *conditions = bare.split(GAP)
    if any(condition.startswith(_SERVED) for condition in conditions):
        head = _BITMAP.sub(r"\1 *", _USING.sub(r"\1 *", head))
    return line[: len(line) - len(bare)] + GAP.join([head, *conditions])
