"""``--perf-explain``: how rows came, and what was repeated for the rows of what."""

from __future__ import annotations

from typing import Any

import pytest
from report_data import SITE, evidence, query, result, run

from pytest_perfbudget.model import FETCHES, Fetched, Origin, Parent, Repetition, Site
from pytest_perfbudget.report.transcript import transcript

LINES = Site("app/orders.py", 95, "lines")
PARENT = Parent("aaaaaaaaaaaa", "SELECT …", SITE, 1, 20)


def lines(**values: Any) -> list[str]:
    return [line.strip() for line in transcript(run(result(evidence=evidence(query(**values)))))]


@pytest.mark.parametrize(
    ("fetched", "words"),
    [
        (Fetched(20, 20, None, ("whole",)), "fetched 20 rows, loaded whole"),
        (
            Fetched(20000, 20000, 2_088_894, ("cursor",)),
            "fetched 20,000 rows, 2,088,894 bytes, by a server-side cursor",
        ),
        (
            Fetched(40, 25, 80, ("stream", "copy")),
            "fetched 40 rows, 80 bytes, at most 25 at once, streamed and by COPY",
        ),
    ],
)
def test_how_rows_came(fetched: Fetched, words: str) -> None:
    assert words in lines(fetched=fetched)


def test_no_rows_are_not_mentioned() -> None:
    assert not [line for line in lines(fetched=Fetched(0, 0, 0, ("whole",))) if "fetched" in line]


@pytest.mark.parametrize(
    ("repetition", "words"),
    [
        (Repetition(20, LINES), "repeated 20 times at app/orders.py:95"),
        (Repetition(20, LINES, PARENT), "repeated 20 times at app/orders.py:95 for the 20 rows of app/orders.py:88"),
        (
            Repetition(2, LINES, None, Origin("Order.lines", "x")),
            "repeated 2 times at app/orders.py:95, loads Order.lines",
        ),
    ],
)
def test_what_was_repeated(repetition: Repetition, words: str) -> None:
    assert words in lines(repetition=repetition)


def test_every_way_of_fetching_is_in_the_schema() -> None:
    import json

    from pytest_perfbudget.report.json import SCHEMA

    fetched = json.loads(SCHEMA.read_text())["$defs"]["query"]["properties"]["fetched"]
    assert fetched["properties"]["how"]["items"]["enum"] == list(FETCHES)
