"""Growth as a picture in text: a line for each size, the bound as a mark, and where the plan flips."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_perfbudget.measure.bound import Bound
from pytest_perfbudget.measure.growth import Point, found_flips
from pytest_perfbudget.measure.histogram import bar
from pytest_perfbudget.units import format_count, format_measure

WIDTH = 40
MARK = "|"


def curve(points: Sequence[Point], bound: Bound, unit: str, width: int = WIDTH) -> tuple[str, ...]:
    """``size  figure  bar``: the bar is as long as the figure is large, ``|`` stands where the bound would be.

    The bound starts at the smallest size's figure; it is not drawn where it is right of the longest bar. ``unit`` is
    ``"s"`` for seconds, or what is counted.
    """
    if not points:
        return ()
    ordered = sorted(points, key=lambda point: point.size)
    largest = max(point.figure for point in ordered) or 1.0
    sizes = [format_count(point.size) for point in ordered]
    figures = [format_measure(point.figure, unit) for point in ordered]
    columns = max(map(len, sizes)), max(map(len, figures))
    flips = {flip.above for flip in found_flips(ordered)}
    lines: list[str] = []
    for point, size, figure in zip(ordered, sizes, figures, strict=True):
        if point.size in flips:
            lines.append(f"{'':>{columns[0]}}  {'-- the plan flips --':>{columns[1]}}")
        allowed = ordered[0].figure * bound.factor(ordered[0].size, point.size)
        drawn = _marked(bar(point.figure / largest, width), round(allowed / largest * width), width)
        lines.append(f"{size:>{columns[0]}}  {figure:>{columns[1]}}  {drawn}".rstrip())
    return tuple(lines)


def _marked(drawn: str, at: int, width: int) -> str:
    """The bar with the bound's mark after ``at`` characters, if that is not right of all bars."""
    if at > width:
        return drawn
    padded = f"{drawn:<{at + 1}}"
    return padded[:at] + MARK + padded[at + 1 :]
