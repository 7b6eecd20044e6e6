"""Samples as a histogram in text, for ``-vv``."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pytest_perfbudget.units import format_seconds

BINS = 10
WIDTH = 40
TAIL = 0.95
"""Share of the samples that the bins divide; what is slower is in the last line, however slow."""


def histogram(samples: Sequence[float], bins: int = BINS, width: int = WIDTH) -> tuple[str, ...]:
    """A line for each bin of equal width, ``from  bar  count``, and one for the slowest samples; none without samples.

    ``samples`` in seconds. The longest bar has ``width`` characters; a bin that is not empty has one at least.
    """
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
    labels = [format_seconds(edge) for edge in edges]
    if len(inside) < len(ordered):
        labels.append(f"> {format_seconds(high)}")
        counts.append(len(ordered) - len(inside))
    return _lines(labels, counts, width)


def _lines(labels: Sequence[str], counts: Sequence[int], width: int) -> tuple[str, ...]:
    longest, digits = max(map(len, labels)), len(str(max(counts)))
    return tuple(
        f"{label:>{longest}}  {bar(count / max(counts), width):<{width}}  {count:>{digits}}"
        for label, count in zip(labels, counts, strict=True)
    )


def bar(share: float, width: int) -> str:
    """``#`` for each part of ``width``; one at least for what is above 0."""
    return "#" * max(round(share * width), 1) if share > 0 else ""
