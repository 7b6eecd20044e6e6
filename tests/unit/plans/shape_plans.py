"""The shapes that ``shapes/record.py`` recorded, by major and name."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from pytest_perfbudget.plans.node import Plan
from pytest_perfbudget.plans.parse import parse

HERE = Path(__file__).parent / "shapes"
MAJORS = (14, 15, 16, 17, 18)


@cache
def documents(major: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((HERE / f"pg{major}.json").read_text())
    return found


def plan(name: str, major: int = 18) -> Plan:
    return parse(documents(major)[name])
