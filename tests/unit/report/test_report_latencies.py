"""What is said of what was timed, word for word."""

from __future__ import annotations

from dataclasses import replace

from report_data import LATENCY, USED, result, run

from pytest_perfbudget.model import Latency, TestResult
from pytest_perfbudget.report.latencies import latencies, resources
from pytest_perfbudget.report.terminal import summary

FULL = replace(LATENCY, saved=12_345, states={"generic": 38, "custom": 2})


def timed(latency: Latency | None) -> TestResult:
    test = result()
    (query,) = test.evidence.queries
    return replace(test, evidence=replace(test.evidence, queries=(replace(query, latency=latency, case="rare"),)))


def test_the_figures_and_what_they_rest_on() -> None:
    test = timed(FULL)
    (query,) = test.evidence.queries
    assert latencies([timed(None), test], 1) == [
        test.nodeid,
        f"  case rare: {query.sql}",
        "    p50 31.2 ms   p95 41.8 ms   p99 44.4 ms   mean 32.1 ms",
        "    n=40, interval 40.5 ms to 43.1 ms, noise ±1.3 ms, calibration 1.31, 12,345 executions saved, "
        "38 generic plan, 2 custom plan",
    ]


def test_what_is_not_known_is_not_said() -> None:
    test = timed(replace(FULL, interval=None, saved=None, calibration=None, states={"first": 40}))
    assert latencies([test], 1)[-1] == "    n=40, noise ±1.3 ms, planned anew"


def test_the_histogram_comes_with_the_second_v() -> None:
    assert latencies([timed(FULL)], 2)[-2:] == [
        f"      31 ms  {'#' * 40}  39",
        f"    41.8 ms  #{' ' * 39}   1",
    ]


def test_the_summary_shows_them_to_who_asks() -> None:
    tests = run(timed(FULL))
    assert "perfbudget: latencies" not in summary(tests, 0)
    assert "perfbudget: latencies" in summary(tests, 1)
    assert "perfbudget: latencies" not in summary(run(timed(None)), 1)


def test_resources_have_a_line_each() -> None:
    test = result()
    test = replace(test, evidence=replace(test.evidence, used=USED))
    assert resources([result(), test]) == [
        f"{test.nodeid}   cpu.per_call 2.1 ms (n=90 on 3 backends)",
        f"{test.nodeid}   memory.peak 3 MB (n=7)",
    ]
    assert "perfbudget: resources" in summary(run(test), 1)
    assert "perfbudget: resources" not in summary(run(test), 0)
