"""What one key of a budget is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The type of a key's value, in the words of the reference page."""

    COUNT = "count"
    NUMBER = "number"
    DURATION = "duration"
    PERCENTAGE = "percentage"
    MARGIN = "percentage or table"
    PATTERNS = "list of patterns"
    CHOICE = "choice"
    SWITCH = "true or false"
    TEXT = "text"
    SIZE = "size"
    NATURAL = "whole number from 1"
    TABLE = "table"
    TABLES = "list of tables"


@dataclass(frozen=True, slots=True)
class Key:
    """One key. ``of`` is what it applies to; ``unit`` what its number counts (``"s"`` for durations);
    ``example`` a line of TOML; ``arrives_with`` the part of the product that will judge it, None where it is judged.
    """

    name: str
    of: str
    kind: Kind
    unit: str
    meaning: str
    example: str
    choices: tuple[str, ...] = ()
    arrives_with: str | None = None

    @property
    def limits(self) -> bool:
        """Whether the value is a number that a measurement is held to."""
        return self.kind in (Kind.COUNT, Kind.NUMBER, Kind.DURATION, Kind.SIZE) or self.least

    @property
    def least(self) -> bool:
        """Whether the measurement may not be less; otherwise it may not be more."""
        return self.name.endswith((".hit_rate", ".min"))
