"""The document as an SVG: for each row a bar of after beside that of before, and the marks it is held against."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from headline import table
from headline.document import Document
from headline.figures import Row
from pytest_perfbudget.units import format_measure

WIDTH = 900
_LEFT, _BAR, _RIGHT, _TOP, _STEP = 300, 330, 654, 92, 54
_ROOM = 90  # pixels that a figure takes
_INK, _PALE, _GREY, _BLUE, _RED = "#1f2328", "#e6e9ee", "#656d76", "#2f6fde", "#c93c37"


def svg(document: Document) -> str:
    """A whole picture; it needs nothing from elsewhere, and its own ground, so that it is readable on any page."""
    height = _TOP + _STEP * len(document.rows) + 64
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
        'font-family="system-ui, sans-serif" role="img">',
        f"<title>{escape(_title(document))}</title>",
        f'<rect width="{WIDTH}" height="{height}" rx="8" fill="#ffffff"/>',
        _text(24, 36, "The classification service before and after", size=19, weight=600),
        _text(24, 60, _title(document), fill=_GREY),
        *(part for place, row in enumerate(document.rows) for part in _row(row, _TOP + place * _STEP)),
        *_foot(document, height),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _title(document: Document) -> str:
    load = document.load
    return (
        f"{load.clients} clients, Zipf {load.zipf:g} over {load.businesses:,} businesses, "
        f"{load.write_share * 100:.1f}% writes, {load.rounds} rounds in turns on one machine"
    )


def _row(row: Row, top: int) -> Iterator[str]:
    """Lengths are shares of the longer of the two; of the hit rate of all reads."""
    longest = 1.0 if row.unit == "%" else max(row.before, row.after)
    before = "no cache" if row.unit == "%" else format_measure(row.before, row.unit)
    yield _text(24, top + 20, row.name, weight=600)
    yield _text(24, top + 38, f"target {table.wanted(row, row.target)}, reference {table.wanted(row, row.reference)}",
                size=12, fill=_GREY)  # fmt: skip
    yield _bar(top + 6, _BAR * row.before / longest, _PALE)
    yield _text(_LEFT + 6, top + 18, before, size=12)
    yield _bar(top + 26, _BAR * row.after / longest, _BLUE)
    yield _mark(row, top, longest)
    yield _beside(row, top + 38, longest)
    yield _text(_RIGHT, top + 22, table.change(row), size=17, weight=600, fill=_INK if row.reached else _RED)
    note = table.span(row) if row.reached else table.verdict(row)
    yield _text(_RIGHT, top + 40, note, size=12, fill=_GREY if row.reached else _RED)


def _beside(row: Row, y: int, longest: float) -> str:
    """The figure of after: in its bar where there is room, clear of the mark."""
    end, mark = _BAR * row.after / longest, _marked(row, longest)
    shown = format_measure(row.after, row.unit)
    if end < _ROOM:
        near = end < mark < end + _ROOM
        return _text(_LEFT + (mark if near else end) + 10, y, shown, size=12)
    at = mark + 8 if mark < _ROOM else 6
    return _text(_LEFT + at, y, shown, size=12, fill="#ffffff")


def _marked(row: Row, longest: float) -> float:
    """Where the bar of after has to end, in pixels: at the target."""
    wanted = row.target if row.unit == "%" else row.before * (1 + row.target)
    return _BAR * min(wanted / longest, 1)


def _mark(row: Row, top: int, longest: float) -> str:
    x = _LEFT + _marked(row, longest)
    return f'<path d="M{x:.1f} {top + 24}v20" stroke="{_INK}" stroke-width="2" stroke-dasharray="3 2"/>'


def _foot(document: Document, height: int) -> Iterator[str]:
    stale = document.staleness
    line = f"{stale.checked:,} hits compared with PostgreSQL under the same load: {stale.stale} stale."
    yield _text(24, height - 34, line, size=13, weight=600, fill=_RED if stale.stale else _INK)
    legend = "Grey: before. Blue: after. Dashed: the target. On the right the change, with its 95 % interval."
    yield _text(24, height - 14, legend, size=12, fill=_GREY)


def _bar(y: float, width: float, fill: str) -> str:
    return f'<rect x="{_LEFT}" y="{y}" width="{max(width, 1.5):.1f}" height="16" rx="2" fill="{fill}"/>'


def _text(x: float, y: float, text: str, *, size: int = 14, weight: int = 400, fill: str = _INK) -> str:
    return f'<text x="{x:.1f}" y="{y}" font-size="{size}" font-weight="{weight}" fill="{fill}">{escape(text)}</text>'
