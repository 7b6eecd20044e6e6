"""A setting that was found, and its value in the type it must have."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from pytest_perfbudget.errors import SettingsError
from pytest_perfbudget.units import DURATION_FORMS, seconds


@dataclass(frozen=True, slots=True)
class Found:
    """A setting and where it was found, for errors: an option, a variable, or a file with the key.

    The methods raise SettingsError where the value is of another type.
    """

    value: Any
    where: str

    def refuse(self, why: str, remedy: str) -> SettingsError:
        return SettingsError(f"{self.where} = {self.value!r}: {why}", remedy=remedy)

    def text(self) -> str:
        if not isinstance(self.value, str) or not self.value:
            raise self.refuse("is not a text", 'give one in quotes, such as "budgets"')
        return self.value

    def texts(self) -> list[str]:
        """A list of texts; one text alone is a list of one, a variable is split at the path separator."""
        value = self.value
        if isinstance(value, str):
            variable = self.where.startswith("PERFBUDGET_")
            value = [part for part in value.split(os.pathsep) if part] if variable else [value]
        if not isinstance(value, list) or not all(isinstance(part, str) and part for part in value):
            raise self.refuse("is not a list of texts", 'give a list, such as ["seed/schema.sql"]')
        return value

    def flag(self) -> bool:
        if isinstance(self.value, bool):
            return self.value
        words = {"1": True, "true": True, "0": False, "false": False}
        if str(self.value) not in words:
            raise self.refuse("is not true or false", "give true or false")
        return words[str(self.value)]

    def seconds(self) -> float:
        """Of a duration with its unit."""
        try:
            return seconds(self.text())
        except ValueError:
            raise self.refuse("is not a duration", f"give one with its unit: {DURATION_FORMS}") from None
