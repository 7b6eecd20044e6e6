"""The frame psql draws around a value of several lines, taken off: EXPLAIN's JSON as it stood in the cell.

Aligned and wrapped tables, expanded or not, of every ``border`` and ``linestyle``. A mark at the end of a line says how
the cell goes on: ``+`` or ``↵`` in a new line, ``.`` or ``…`` in the same one, which was too long for the screen. The
style ``old-ascii`` has no such marks: its tables are read, its wrapped tables are not (where a line was cut is lost).
A wrapped line may carry one blank too many, where a character of double width did not fit on it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

NEW_LINE = "+↵"
SAME_LINE = ".…"
BARS = "|│"

_OPENING = re.compile(rf'(?P<left>[^"\[\]{{}}]*)[\[{{] *(?P<mark>[{NEW_LINE}]?)(?P<bar>[{BARS}]?)\Z')
"""The first line of a cell that holds JSON: the bracket alone, for EXPLAIN starts a line after it."""


@dataclass(frozen=True, slots=True)
class _Frame:
    """``left`` is what stands before the cell, as wide in each of its lines; ``marked`` whether lines end in a mark."""

    left: str
    bar: str
    marked: bool

    def holds(self, line: str) -> bool:
        """Whether ``line`` is one more of an unmarked cell: its left side is blank but for bars."""
        return not line[: len(self.left)].strip(" :;" + BARS) and line.endswith(self.bar)

    def cut(self, line: str) -> tuple[str, str]:
        """The part of the line that is in the cell, and its mark; no mark on the last line of a marked cell."""
        inside = line.removesuffix(self.bar)[len(self.left) :]
        mark = inside[-1:]
        if self.marked and mark and mark in NEW_LINE + SAME_LINE:
            return inside[:-1], mark
        return inside, ""


def unframed(text: str) -> str:
    """``text`` with the cells of its tables as they were; lines outside of them are left as they are."""
    parts: list[str] = []
    frame: _Frame | None = None
    for line in text.replace("\r\n", "\n").split("\n"):
        if frame and not frame.marked and not frame.holds(line):
            frame = None
        frame = frame or _opened(line)
        inside, mark = frame.cut(line) if frame else (line, "")
        parts.append(inside if mark and mark in SAME_LINE else inside + "\n")
        if frame and frame.marked and not mark:
            frame = None
    return "".join(parts)


def _opened(line: str) -> _Frame | None:
    found = _OPENING.match(line)
    if found and (found["mark"] or found["bar"] or found["left"].rstrip(" ").endswith(tuple(BARS))):
        return _Frame(found["left"], found["bar"], bool(found["mark"]))
    return None
