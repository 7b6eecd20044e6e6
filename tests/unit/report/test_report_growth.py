"""What is said of growth, word for word."""

from __future__ import annotations

from dataclasses import replace

from report_data import GROWTH, query, result, run

from pytest_perfbudget.report.growth import growths
from pytest_perfbudget.report.terminal import summary

PLAIN = result()
GROWN = replace(PLAIN, evidence=replace(PLAIN.evidence, growth=GROWTH)) if PLAIN.evidence else PLAIN


def test_each_figure_has_a_line_beneath_its_statement() -> None:
    assert growths([PLAIN, GROWN], 1) == [
        GROWN.nodeid,
        f"  {query().sql}",
        "    buffers: grows",
        "  the whole test",
        "    time: does not grow (reported only)",
    ]


def test_its_curve_comes_with_the_second_v() -> None:
    lines = growths([GROWN], 2)
    assert lines[3].split() == ["1,000", "5", "#|"]
    assert lines[-1].split()[:3] == ["64,000", "320", "s"]


def test_the_summary_shows_it_to_who_asks() -> None:
    assert "perfbudget: growth" in summary(run(GROWN), 1)
    assert "perfbudget: growth" not in summary(run(GROWN), 0)
    assert "perfbudget: growth" not in summary(run(PLAIN), 1)
