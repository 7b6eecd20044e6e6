"""The reference names every word of the report."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from report_data import regressed

from pytest_perfbudget.model import Verdict
from pytest_perfbudget.report.failure import failure
from pytest_perfbudget.report.json import SCHEMA
from pytest_perfbudget.report.junit import properties

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "report.md").read_text()


def _fields(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        for part in schema.values():
            yield from _fields(part)


def test_every_field_is_documented() -> None:
    documented = set(re.findall(r"`([\w]+)`", PAGE))

    assert set(_fields(json.loads(SCHEMA.read_text()))) - documented == set()


def test_every_verdict_is_documented_in_its_order() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", PAGE.split("## The failure text")[0], re.MULTILINE)

    assert rows == [verdict.value for verdict in Verdict]


def test_every_junit_property_is_documented() -> None:
    names = [name.removeprefix("perfbudget.") for name, _ in properties(regressed())]

    assert [name for name in names if name.removeprefix("work") not in PAGE] == []


def test_the_page_shows_the_text_as_it_is() -> None:
    shown = PAGE.split("```")[1].strip("\n")

    assert shown == failure(regressed(), "tests/test_orders.py:31")
