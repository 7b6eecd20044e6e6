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
_ROWS_END = b"\\."
_LINE_END = re.compile(rb"\r?(?=\n|\Z)")
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
                first, last, position = _rows(contents, position)
                cut = (first, position)
            begin = position
        if cut:
            pieces.append(contents[kept : cut[0]])
            line += pieces[-1].count(b"\n")
            if token["end"]:
                rows.append(Rows(line, contents[first:last]))
            pieces.append(b"\n" * contents.count(b"\n", *cut))
            line += len(pieces[-1])
            kept = begin = position = cut[1]
    return Script(b"".join([*pieces, contents[kept:]]), tuple(rows))


def _rows(contents: bytes, after: int) -> tuple[int, int, int]:
    """Where the line after the command begins, where the rows end, and where the line ``\\.`` does, or the script."""
    start = contents.find(b"\n", after) + 1 or len(contents)
    end = start if contents.startswith(_ROWS_END, start) else contents.find(b"\n" + _ROWS_END, start) + 1
    while end > 0:
        rest = _LINE_END.match(contents, end + len(_ROWS_END))
        if rest:
            return start, end, rest.end()
        end = contents.find(b"\n" + _ROWS_END, end) + 1
    return start, len(contents), len(contents)
