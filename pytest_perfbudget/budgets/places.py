"""Where a value was written, and how."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from pytest_perfbudget.errors import At

Path = tuple[str | int, ...]
"""The keys and list positions that lead to a value: ``("recent", "plan", "forbid", 0)``."""


@dataclass(frozen=True, slots=True)
class Places:
    """Lines and texts of the values of one source; a source without lines (a marker) is all at one place."""

    start: At
    lines: Mapping[Path, int] = field(default_factory=dict)
    texts: Mapping[Path, str] = field(default_factory=dict)

    def at(self, path: Path) -> At:
        """The line of a value, or of the closest thing around it that has one."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                return At(self.start.file, self.lines[path[:length]])
        return self.start

    def text(self, path: Path, value: Any) -> str:
        """The value as its author wrote it, without quotes."""
        return value if isinstance(value, str) else self.texts.get(path, written(value))


def written(value: Any) -> str:
    """A value as TOML would spell it, for error texts; long ones are cut."""
    text = _toml(value)
    return text if len(text) <= 60 else text[:59] + "…"


def _toml(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return json.dumps(value, ensure_ascii=False)
        case datetime() | date():
            return value.isoformat()
        case list() | tuple():
            return f"[{', '.join(map(_toml, value))}]"
        case Mapping():
            pairs = ", ".join(f"{key} = {_toml(one)}" for key, one in value.items())
            return f"{{ {pairs} }}" if pairs else "{}"
        case _:
            return str(value)
