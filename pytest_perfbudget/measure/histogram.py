"""Samples as a histogram in text, for ``-vv``."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pytest_perfbudget.units import format_seconds

BINS = 10
WIDTH = 40
TAIL = 0.95
"""Share of the samples that the bins divide; what is slower is in the last one, however slow."""

Bars = tuple[tuple[float, int], ...]
"""Where each bin begins, in seconds, and how many samples are in it."""


def binned(samples: Sequence[float], bins: int = BINS) -> Bars:
    """Bins of equal width, and one for the slowest samples where there are any; none without samples."""
    if not samples:
        return ()
    ordered = sorted(samples)
    low, high = ordered[0], ordered[max(math.ceil(TAIL * len(ordered)) - 1, 0)]
    step = (high - low) / bins
    edges = [low + step * number for number in range(bins)] if step > 0 else [low]
    counts = [0] * len(edges)
    inside = [sample for sample in ordered if sample <= high]
    for sample in inside:
        counts[min(int((sample - low) / step), bins - 1) if step > 0 else 0] += 1
    tail = ((high, len(ordered) - len(inside)),) if len(inside) < len(ordered) else ()
    return (*zip(edges, counts, strict=True), *tail)


def histogram(bars: Bars, width: int = WIDTH) -> tuple[str, ...]:
    """A line for each bin, ``from  bar  count``.

    The longest bar has ``width`` characters; a bin that is not empty has one at least.
    """
    if not bars:
        return ()
    labels = [format_seconds(edge) for edge, _ in bars]
    counts = [count for _, count in bars]
    longest, digits = max(map(len, labels)), len(str(max(counts)))
    return tuple(
        f"{label:>{longest}}  {bar(count / max(counts), width):<{width}}  {count:>{digits}}"
        for label, count in zip(labels, counts, strict=True)
    )


def bar(share: float, width: int) -> str:
    """``#`` for each part of ``width``; one at least for what is above 0."""
    return "#" * max(round(share * width), 1) if share > 0 else ""
