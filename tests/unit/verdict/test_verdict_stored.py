"""A statement's figure against recorded runs → evidence and findings."""

from __future__ import annotations

import pytest
from verdict_data import evidence, scan, statement

from pytest_perfbudget.budgets.budget import Slowdown
from pytest_perfbudget.errors import At
from pytest_perfbudget.measure.beside import Figure
from pytest_perfbudget.measure.stored import Recorded, judge
from pytest_perfbudget.model import Stored, Verdict
from pytest_perfbudget.model.resources import Shared
from pytest_perfbudget.verdict.judgement import fails
from pytest_perfbudget.verdict.stored import beyond, compared, confirmed

HELD = Slowdown(0.15, "15%", At("budgets/orders.toml", 3))
QUERY = evidence(statement(scan())).queries[0]
SIX = [Recorded(1.0, "cpu")] * 6


def stored(figure: float, recorded: list[Recorded] = SIX) -> Stored:
    return compared(Figure(figure, 120), judge(figure, recorded, "cpu", HELD.share), "cpu")


def test_a_regression_names_the_runs_what_is_allowed_and_what_decides() -> None:
    found = beyond(QUERY, HELD, confirmed(stored(1.3), Figure(1.28, 120), judge(1.28, SIX, "cpu", 0.15), Shared()))
    assert found
    assert (found.verdict, found.measured, found.allowed) == (Verdict.REGRESSED, pytest.approx(0.3), 0.15)
    assert (found.query, found.budget_at) == (QUERY.key, HELD.at)
    assert found.detail == (
        "  runs     +30% against 6 recorded runs on one class of CPU, allowed +15%; "
        "this sees +19% or more, a paired run (--perf-against) sees less and decides",
        "  figure   1.3, on new connections 1.28 times the reference queries",
    )
    assert "pytest --perf-against=REF" in found.fix
    assert fails(found, ci=False, strict=False)


def test_what_new_connections_do_not_show_again_is_unjudged() -> None:
    after = confirmed(stored(1.3), Figure(1.01, 120), judge(1.01, SIX, "cpu", 0.15), Shared())
    found = beyond(QUERY, HELD, after)
    assert found
    assert (found.verdict, after.again) == (Verdict.UNJUDGED, 1.01)
    assert found.message.startswith("latency.baseline: not confirmed, on new connections +1%: +30% against 6 recorded")


def test_too_few_runs_do_not_fail_unless_asked_for() -> None:
    found = beyond(QUERY, HELD, stored(3.0, SIX[:4]))
    assert found
    assert found.verdict is Verdict.UNJUDGED
    assert "4 of the 5 recorded runs needed" in found.message
    assert not fails(found, ci=True, strict=False)
    assert fails(found, ci=False, strict=True)


def test_what_is_as_fast_says_nothing_and_what_is_faster_says_so() -> None:
    assert beyond(QUERY, HELD, stored(1.1)) is None
    found = beyond(QUERY, HELD, stored(0.5))
    assert found
    assert (found.verdict, found.message, found.fix) == (Verdict.IMPROVED, "-50% against 6 recorded runs", "")
