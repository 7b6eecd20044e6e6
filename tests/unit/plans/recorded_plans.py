"""The recorded documents, by major and name, for the tests of plans and rules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent / "recorded"
OF_RULES = HERE.parents[1] / "rules" / "recorded"
MAJORS = tuple(sorted(int(folder.name.removeprefix("pg")) for folder in HERE.glob("pg*")))


def names(major: int) -> list[str]:
    return sorted(path.stem for path in (HERE / f"pg{major}").glob("*.json"))


def document(name: str, major: int = 18) -> Any:
    return json.loads((HERE / f"pg{major}" / f"{name}.json").read_text())


def every() -> list[Path]:
    """All recorded documents, those of the rules included."""
    plans = (path for folder in (HERE, OF_RULES) for path in folder.glob("pg*/*.json"))
    return sorted(path for path in plans if not path.stem.startswith("catalogue"))
