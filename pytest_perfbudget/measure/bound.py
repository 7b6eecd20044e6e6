"""Upper bounds on growth as they are written: ``"O(log n)"``, ``"O(n log n)"``, ``"n^0.3"``."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

FORMS = '"O(1)", "O(log n)", "O(n)", "O(n log n)", "O(n^2)", "n^0.3"'
LARGEST = 4.0
"""An exponent above it would allow anything that can be measured."""

_LOG = r"log\s*(?:n|\(\s*n\s*\))"
_POWER = r"n(?:\s*\^\s*(?P<power>\d+(?:\.\d+)?))?"
_TERM = re.compile(rf"(?P<one>1)|(?P<log>{_LOG})|(?P<n>{_POWER})(?:\s*\*?\s*(?P<times>{_LOG}))?")
_WRAPPED = re.compile(r"O\s*\((?P<term>.*)\)")


@dataclass(frozen=True, slots=True)
class Bound:
    """``n^power · log(n)^logs``, and the text that says so."""

    text: str
    power: float
    logs: int = 0

    @property
    def constant(self) -> bool:
        return not self.power and not self.logs

    @property
    def rank(self) -> tuple[float, int]:
        """Greater for a bound that allows more of large sizes."""
        return self.power, self.logs

    def at(self, size: float) -> float:
        """The bound's value at a size of at least 2, but for a constant factor."""
        return float(size**self.power * math.log(size) ** self.logs)

    def factor(self, smaller: float, larger: float) -> float:
        """By how much a figure may grow between two sizes, both at least 2."""
        return self.at(larger) / self.at(smaller)


def parse_bound(text: str) -> Bound:
    """``"O(n log n)"`` → power 1, one log. With or without ``O(…)``.

    Raises:
        ValueError: the text is none of the forms, or its exponent is 0 or above 4.
    """
    stripped = text.strip()
    wrapped = _WRAPPED.fullmatch(stripped)
    match = _TERM.fullmatch((wrapped["term"] if wrapped else stripped).strip())
    if not match:
        raise ValueError(f"{text!r} is not an upper bound on growth: write {FORMS}, with n for the number of rows")
    power = float(match["power"] or 1) if match["n"] else 0.0
    if match["n"] and not 0 < power <= LARGEST:
        raise ValueError(f"{text!r}: an exponent is above 0 and at most {LARGEST:g}; O(1) does not grow")
    return Bound(stripped, power, int(bool(match["log"] or match["times"])))
