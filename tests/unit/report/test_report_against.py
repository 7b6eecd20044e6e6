"""What the reader is told of ``--perf-against``."""

from __future__ import annotations

import json
from dataclasses import replace

import jsonschema
import pytest
from report_data import AT, evidence, query, result, run

from pytest_perfbudget.budgets.budget import Slowdown
from pytest_perfbudget.model import Against, Seen, TestResult, Verdict
from pytest_perfbudget.report import against
from pytest_perfbudget.report.json import SCHEMA, document
from pytest_perfbudget.report.terminal import summary
from pytest_perfbudget.verdict.slower import not_compared, whole

HELD = Slowdown(0.1, "10%", AT)
SEEN = Seen(30, 0.152, (0.139, 0.166), 0.001, None, 210)
SAME = Against("main (7e8a81cb04)", "7e8a81cb04", "same", "+0.1%, n=30", True, "one connection", 0.002, 0.0021, SEEN)


def compared(*found: Against) -> TestResult:
    return result(evidence=evidence(*(query(id=f"{n:012}", against=one) for n, one in enumerate(found))))


@pytest.mark.parametrize(
    ("found", "line"),
    [
        ((SAME,), "1 statement · 210 rounds saved"),
        ((SAME, replace(SAME, verdict="regressed", again=SEEN)), "2 statements · 1 slower · 630 rounds saved"),
        (
            (replace(SAME, verdict="improved"), replace(SAME, verdict="unjudged")),
            "2 statements · 1 faster · 1 undecided · 420 rounds saved",
        ),
        (
            (replace(SAME, gated=False),),
            "1 statement · 1 reported only: nothing but the clock can have changed · 210 rounds saved",
        ),
    ],
)
def test_all_comparisons_share_a_line(found: tuple[Against, ...], line: str) -> None:
    assert against.headline([compared(*found)]) == [f"perfbudget: timed against main (7e8a81cb04): {line}"]


def test_a_run_without_a_reference_says_what_it_left_out() -> None:
    tests = [result(not_compared(HELD)), result(not_compared(HELD)), result()]
    words = "latency.regress of 2 tests not compared: --perf-against=REF names what with"
    assert against.headline(tests) == [f"perfbudget: {words}"]
    assert f"perfbudget: {words}" in summary(run(*tests), 0)
    assert against.headline([result()]) == []


def test_the_reason_is_told_for_each_test_and_the_output_once() -> None:
    tests = [result(whole(HELD, "its run of pytest ended", "line 1\nline 2"), nodeid=f"t.py::{n}") for n in "ab"]
    lines = summary(run(*tests), 0)
    assert lines.count("  t.py::a: latency.regress: its run of pytest ended") == 1
    assert lines.count("  t.py::b: latency.regress: its run of pytest ended") == 1
    assert [line for line in lines if line.endswith(("line 1", "line 2"))] == ["  line 1", "  line 2"]


def test_each_time_has_a_line_where_more_is_asked_for() -> None:
    tests = [compared(SAME, replace(SAME, gated=False))]
    shown = "same        +15.2%  n=30   tests/test_orders.py::test_recent  00000000000"
    assert list(against.times(tests)) == [f"{shown}0", f"{shown}1  (not gated)"]
    assert not any(shown in line for line in summary(run(*tests), 0))
    assert any(shown in line for line in summary(run(*tests), 1))


def test_the_json_report_keeps_to_its_schema() -> None:
    written = document(run(compared(SAME, replace(SAME, again=SEEN))))
    jsonschema.validate(json.loads(json.dumps(written)), json.loads(SCHEMA.read_text()))
    first, second = (one["against"] for one in written["tests"][0]["queries"])
    assert first["first"] == {
        "n": 30,
        "change": 0.152,
        "ci": [0.139, 0.166],
        "null": 0.001,
        "null_ci": None,
        "saved": 210,
    }
    assert (first["again"], second["again"]) == (None, first["first"])
    assert (first["old_p50_ms"], first["new_p50_ms"], first["verdict"]) == (2.0, 2.1, Verdict.SAME)
