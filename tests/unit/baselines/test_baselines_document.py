"""The file of a baseline: reviewable, stable, and refused with the place of what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from baselines_data import baseline, evidence, query
from hypothesis import given
from hypothesis import strategies as st
from snapshots import matches

from pytest_perfbudget.baselines.document import dump, parse
from pytest_perfbudget.baselines.record import (
    AcceptedRecord,
    Baseline,
    LatencyRecord,
    PlanRecord,
    QueryRecord,
    Recorded,
    TestRecord,
    latency_record,
    record,
)
from pytest_perfbudget.errors import BaselineError
from pytest_perfbudget.model import Environment, Latency, PlanEvidence, Work

FILE = "budgets/baselines/pg18/orders.recent.json"

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
figure = st.integers(0, 2**53)
number = st.floats(0, 1e12, allow_nan=False)
plan = st.builds(PlanRecord, text, st.integers(1, 9), st.integers(0, 999), st.lists(text, max_size=3).map(tuple))
names = st.frozensets(st.sampled_from(["rows", "loops", "rows_removed"]))
work = st.builds(Work, figure, figure, figure, figure, cost=number, inexact=names)
latency = st.builds(LatencyRecord, figure, number, number, number, number, st.none() | st.tuples(number, number))
accepted = st.builds(AcceptedRecord, text, figure, st.just(("a",)), text, number, st.none() | work)
queries = st.builds(
    QueryRecord,
    id=text,
    sql=text,
    plans=st.lists(plan, max_size=2).map(tuple),
    cost=number,
    case=st.none() | text,
    site=st.none() | text,
    generic=st.none() | plan,
    accepted=st.lists(accepted, max_size=2).map(tuple),
    work=st.none() | work,
    latency=st.none() | latency,
)
tests = st.builds(TestRecord, st.lists(queries, max_size=2).map(tuple), st.dictionaries(text, number, max_size=3))
environments = st.builds(
    Environment, text, st.integers(14, 19), text, text, text, figure, st.booleans(), text,
    settings=st.dictionaries(text, text, max_size=2), indexes=st.dictionaries(text, text, max_size=2),
)  # fmt: skip
baselines = st.builds(
    Baseline, text, environments, st.dictionaries(text, tests, max_size=3), st.builds(Recorded, text, text, text)
)


@given(baselines)
def test_reading_gives_what_was_written_and_the_same_bytes_again(one: Baseline) -> None:
    again = parse(dump(one), FILE, one.budget)

    assert again == one
    assert dump(again) == dump(one)


def test_the_file_as_a_reviewer_sees_it() -> None:
    latency = Latency(40, 0.0041, 0.0049, 0.0051, 0.00412345, (0.004, 0.0051))
    one = baseline(evidence(query(case="rare", latency=latency), query(id="b" * 12, work=None, cost=1.0, sql="d'été")))

    matches(Path(__file__).parent / "snapshots" / "orders.recent.json", dump(one))


def test_plans_are_recorded_in_an_order_of_their_own() -> None:
    one, other = PlanEvidence("b", 1, 1, ("x",)), PlanEvidence("a", 1, 2, ("y",))

    assert record(evidence(query(plans=(one, other)))) == record(evidence(query(plans=(other, one))))


def test_latency_is_recorded_in_milliseconds() -> None:
    assert latency_record(Latency(5, 0.0012345678, 0.002, 0.003, 0.0015)).p50_ms == 1.235


def test_the_cost_of_work_stands_beside_it() -> None:
    one = record(evidence(query())).queries[0]

    assert one.work is not None
    assert (one.work.cost, one.cost, one.site) == (0.0, 8.44, "app/orders.py:recent")


GOOD = dump(baseline(evidence(query())))


def _edited(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new, 1)


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        pytest.param("", 1, "empty", id="empty"),
        pytest.param(GOOD[: len(GOOD) // 2], None, "ends in the middle", id="truncated"),
        pytest.param(GOOD[:-3], None, "ends in the middle", id="truncated-at-the-end"),
        pytest.param(_edited('"budget":', '"budget"'), 2, "not JSON: Expecting ':' delimiter", id="corrupt"),
        pytest.param("[]", 1, "object", id="list"),
        pytest.param("[" * 100_000, None, "not JSON", id="nested"),
        pytest.param(_edited('"cost": 8.44', '"cost": NaN'), None, "NaN is not a number", id="nan"),
        pytest.param(_edited('"format": 1', '"format": 2'), 19, "newer pytest-perfbudget", id="future"),
        pytest.param(_edited('"format": 1', '"format": "1"'), 19, '"format" is "1"', id="format-type"),
        pytest.param(_edited('"buffers": 23', '"buffers": "23"'), 26, "work.buffers", id="type-in-test"),
        pytest.param(_edited('"major": 18', '"major": "18"'), 3, "environment: major", id="type-in-environment"),
        pytest.param(_edited('"fingerprint": "index",', ""), 26, "missing required field `fingerprint`", id="missing"),
        pytest.param(_edited('"orders.recent"', '"orders.search"'), 2, "'orders.search', its name says", id="name"),
        pytest.param(
            _edited(' "environment"', '<<<<<<< HEAD\n "environment"'), 3, "merge-conflict markers", id="conflict"
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_at_its_line(content: str, line: int | None, words: str) -> None:
    with pytest.raises(BaselineError) as caught:
        parse(content, FILE, "orders.recent")

    error = caught.value
    assert words in error.what
    assert error.at is not None
    assert error.at.file == FILE
    assert line is None or error.at.line == line
    assert error.remedy
    assert len(str(error).splitlines()) <= 10


def test_a_newer_minor_version_may_add_keys() -> None:
    document = json.loads(GOOD)
    document["environment"]["added"] = 1

    assert parse(json.dumps(document), FILE, "orders.recent").budget == "orders.recent"
