"""An SQL script as psql reads it: the rows that follow COPY … FROM stdin are told from the statements."""

from __future__ import annotations

import re
from dataclasses import dataclass

# What must be stepped over whole, since a line in it is no command: strings, names, bodies, comments.
_TOKEN = re.compile(
    rb"""(?<![\w$])[eE]'(?:[^'\\]+|''|\\.)*+'  |  '[^']*'  |  "[^"]*"
      |  (?P<tag>\$(?:[A-Za-z_\x80-\xff][\w\x80-\xff]*)?\$).*?(?P=tag)
      |  (?P<comment>--[^\n]*|/\*.*?\*/)
      |  ^(?P<meta>\\[^\n]*)
      |  (?P<end>;)""",
    re.DOTALL | re.MULTILINE | re.VERBOSE,
)
_COPY = re.compile(rb"\s*copy\b.*\bfrom\s+stdin\b", re.IGNORECASE | re.DOTALL)
_ROWS_END = re.compile(rb"^\\\.\r?$", re.MULTILINE)
_SPECIAL = re.compile(rb"^\\|\bfrom\s+stdin\b", re.IGNORECASE | re.MULTILINE)
_HARMLESS = re.compile(rb"\\(?:un)?restrict\b|\\\.\r?$")


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one COPY; ``line`` is that of the first of them in the script."""

    line: int
    contents: bytes


@dataclass(frozen=True, slots=True)
class Script:
    """``sql`` has as many lines as the script, those of rows and of ``\\restrict`` being empty; ``meta`` is where its
    first other psql command begins, in bytes."""

    sql: bytes
    rows: tuple[Rows, ...] = ()
    meta: int | None = None

    @property
    def size(self) -> int:
        """Bytes of all rows."""
        return sum(len(rows.contents) for rows in self.rows)


def read(contents: bytes) -> Script:
    """Statements and rows apart. Nested comments are not looked into."""
    if not _SPECIAL.search(contents):
        return Script(contents)
    pieces: list[bytes] = []
    rows: list[Rows] = []
    kept, begin, line, position = 0, 0, 1, 0
    while token := _TOKEN.search(contents, position):
        position = token.end()
        cut = None
        if token["comment"] and not contents[begin : token.start()].strip():
            begin = position
        elif token["meta"]:
            if not _HARMLESS.match(token["meta"]):
                return Script(contents, meta=token.start())
            cut = (token.start(), position)
        elif token["end"]:
            if _COPY.match(contents, begin, position):
                cut = _rows(contents, position)
            begin = position
        if cut:
            pieces.append(contents[kept : cut[0]])
            line += pieces[-1].count(b"\n")
            if token["end"]:
                rows.append(_as_rows(contents[slice(*cut)], line))
            pieces.append(b"\n" * contents.count(b"\n", *cut))
            line += len(pieces[-1])
            kept = begin = position = cut[1]
    return Script(b"".join([*pieces, contents[kept:]]), tuple(rows))


def _rows(contents: bytes, after: int) -> tuple[int, int]:
    """From the line after the command to the end of the line ``\\.``, or of the script."""
    start = contents.find(b"\n", after) + 1 or len(contents)
    end = _ROWS_END.search(contents, start)
    return start, end.end() if end else len(contents)


def _as_rows(lines: bytes, line: int) -> Rows:
    end = _ROWS_END.search(lines)
    return Rows(line, lines[: end.start()] if end else lines)
