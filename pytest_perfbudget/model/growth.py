"""How the work of a statement, or of a test, grows with the rows of its tables."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GrowthPoint:
    """``figure`` at ``size`` rows; ``plan`` is the fingerprint of the plan that was used most, empty for a sum."""

    size: int
    figure: float
    plan: str = ""


@dataclass(frozen=True, slots=True)
class Grown:
    """A figure at several sizes against its ``bound``.

    ``query`` is the statement's key, None for the whole test; ``metric`` is ``buffers``, ``rows`` (that pass through
    the nodes of its plans), ``statements`` or ``time`` (seconds). ``state`` is ``within``, ``beyond`` or ``undecided``;
    only what is ``gated`` decides anything. ``exponent`` is (value, lower, upper) of the fitted power, the last None
    where nothing bounds it; ``flips`` are the sizes (below, above) between which the plan is another one.
    """

    query: str | None
    metric: str
    bound: str
    state: str
    reason: str
    gated: bool
    exponent: tuple[float, float, float | None] | None
    points: tuple[GrowthPoint, ...]
    flips: tuple[tuple[int, int], ...] = ()
