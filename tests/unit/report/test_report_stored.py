"""What the reader is told of ``latency.baseline``."""

from __future__ import annotations

from dataclasses import replace

from report_data import evidence, query, result, run

from pytest_perfbudget.model import Stored
from pytest_perfbudget.report import stored
from pytest_perfbudget.report.json import document
from pytest_perfbudget.report.terminal import summary

ONE = Stored(3.2, 120, "cpu", "same", "+2% against 7 recorded runs", 7, 0.0200004, 0.15, 0.19)
FEW = Stored(3.2, 120, "", "unjudged", "4 of the 5 recorded runs needed", 4)


def test_every_figure_has_a_line() -> None:
    tests = [result(evidence=evidence(query(stored=ONE), query(case="rare", stored=FEW), query(id="b" * 12)))]
    assert list(stored.times(tests)) == [
        "same           +2%  runs=7    tests/test_orders.py::test_recent  aaaaaaaaaaaa: +2% against 7 recorded runs",
        "unjudged            runs=4    tests/test_orders.py::test_recent  aaaaaaaaaaaa rare: "
        "4 of the 5 recorded runs needed",
    ]
    shown = "\n".join(summary(run(*tests), 1))
    assert "perfbudget: times against recorded runs" in shown
    assert "times against recorded runs" not in "\n".join(summary(run(*tests), 0))


def test_what_was_recorded_is_said_with_the_evidence() -> None:
    said = "times of 2 statements were recorded in .perfbudget/timings: GITHUB_ACTIONS is set"
    assert f"perfbudget: {said}" in summary(replace(run(result()), timings=(said,)), 0)


def test_the_json_report_has_the_figure() -> None:
    tests = result(evidence=evidence(query(stored=ONE), query(id="b" * 12)))
    first, second = (one["stored"] for one in document(run(tests))["tests"][0]["queries"])
    assert (first["figure"], first["change"], first["runs"], second) == (3.2, 0.02, 7, None)
