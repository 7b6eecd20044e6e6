"""How a statement's time compares with that of another commit's."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Seen:
    """What one connection (or one series of fresh pairs) showed in ``n`` rounds; ``saved`` ones were not needed.

    ``change`` and ``null`` are shares: 0.1 is 10 % slower; ``null`` is that of a statement which did not change. Their
    intervals are of 95 %, None where there are too few rounds for one.
    """

    n: int
    change: float
    interval: tuple[float, float] | None
    null: float
    null_interval: tuple[float, float] | None
    saved: int


@dataclass(frozen=True, slots=True)
class Against:
    """A statement of the head against its partner of ``ref``. ``old_p50`` and ``new_p50`` are medians in seconds.

    ``verdict`` is ``regressed``, ``improved``, ``same`` or ``unjudged``, with its ``reason``; ``gated`` is False where
    nothing but the clock can have changed. ``layout`` says where both were executed; ``again`` is what a new connection
    showed, if one was asked.
    """

    ref: str
    commit: str
    verdict: str
    reason: str
    gated: bool
    layout: str
    old_p50: float
    new_p50: float
    first: Seen
    again: Seen | None = None
