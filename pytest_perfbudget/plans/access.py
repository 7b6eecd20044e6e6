"""Reading recorded tree lines back: which tables were read, and how."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pytest_perfbudget.plans.names import unquoted
from pytest_perfbudget.plans.render import GAP, INDENT

_NAME = r'(?:"(?:[^"]|"")*"|[^\s"]+)'
_SCAN = re.compile(
    rf"(?:[^:]*: )?(?P<how>(?:Parallel )?[A-Z][A-Za-z ]*?Scan(?: \([^)]*\))?(?: Backward)?)"
    rf"(?: using (?P<index>{_NAME}))? on (?P<relation>{_NAME})(?: (?P<alias>{_NAME}))?"
)
_BITMAP = re.compile(rf"(?:[^:]*: )?(?:Parallel )?Bitmap Index Scan on (?P<index>{_NAME})")


def access_paths(lines: Sequence[str]) -> dict[str, str]:
    """How each relation was read, by its alias and by its name: ``{"o": "Index Scan using orders_pkey", …}``.

    A bitmap names its indexes: ``Bitmap Heap Scan using orders_a_idx, orders_b_idx``. An alias is the key of its own
    scan; the name of a relation that is read several times is that of the first.
    """
    paths: dict[str, str] = {}
    for position, (depth, head) in enumerate(_heads(lines)):
        match = None if _BITMAP.fullmatch(head) else _SCAN.fullmatch(head)
        if match:
            words = _words(match, list(_bitmap_indexes(lines, position, depth)))
            for key in ("alias", "relation"):
                if match[key]:
                    paths.setdefault(unquoted(match[key]), words)
    return paths


def indexes_used(lines: Sequence[str]) -> frozenset[str]:
    """The names of all indexes the plan reads."""
    matches = ((_BITMAP.fullmatch(head) or _SCAN.fullmatch(head)) for _, head in _heads(lines))
    return frozenset(unquoted(match["index"]) for match in matches if match and match["index"])


def _words(match: re.Match[str], bitmap: list[str]) -> str:
    names = [match["index"]] if match["index"] else bitmap
    return f"{match['how']} using {', '.join(names)}" if names else match["how"]


def _bitmap_indexes(lines: Sequence[str], position: int, depth: int) -> Iterator[str]:
    """The indexes of the bitmap beneath the heap scan at ``position``."""
    if "Bitmap Heap Scan" not in lines[position]:
        return
    for below, head in _heads(lines[position + 1 :]):
        if below <= depth:
            return
        match = _BITMAP.fullmatch(head)
        if match:
            yield match["index"]


def _heads(lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Each line's depth, and its text up to the conditions."""
    for text in lines:
        bare = text.lstrip(" ")
        yield (len(text) - len(bare)) // len(INDENT), bare.partition(GAP)[0]
