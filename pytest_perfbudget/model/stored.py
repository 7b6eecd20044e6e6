"""How a statement's time compares with that of recorded runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stored:
    """``figure`` is the statement's time in units of reference queries in the same backend, from ``rounds``; ``again``
    that of new connections, where the first was in doubt. ``machine`` is the class of CPU, empty where it is not known.

    ``verdict`` is ``regressed``, ``improved``, ``same`` or ``unjudged``, with its ``reason``. ``change`` is the share
    above the median of the ``runs`` recorded figures, ``margin`` what was held to, ``sees`` the smallest regression
    that is caught in 95 of 100 runs; None where there is none.
    """

    figure: float
    rounds: int
    machine: str
    verdict: str
    reason: str
    runs: int
    change: float | None = None
    margin: float | None = None
    sees: float | None = None
    again: float | None = None
