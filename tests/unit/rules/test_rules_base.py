from __future__ import annotations

from collections.abc import Iterator

from pytest_perfbudget.plans.parse import parse
from pytest_perfbudget.rules.base import Hit, Rule, Thresholds, check
from pytest_perfbudget.rules.subject import Subject

EXECUTED = Subject(parse({"Node Type": "Seq Scan", "Relation Name": "t", "Actual Loops": 1, "Actual Rows": 5}))
PLANNED = Subject(parse({"Node Type": "Seq Scan", "Relation Name": "t"}))


def _crash(subject: Subject, thresholds: Thresholds) -> Iterator[Hit]:
    yield Hit("PB998", "half-way", None, "found before the crash")
    raise KeyError("Sort Key")


def _echo(subject: Subject, thresholds: Thresholds) -> Iterator[Hit]:
    yield Hit(
        "PB999",
        "echo",
        subject.plan.root.relation,
        f"{thresholds['rows']:g} and {thresholds['share']:g}",
        subject.plan.root,
    )


CRASHING = Rule("PB998", "half-way", frozenset({"plan"}), _crash, "a page")
ECHO = Rule("PB999", "echo", frozenset({"analyze"}), _echo, "a page", {"rows": 10, "share": 0.5})
BUFFERED = Rule("PB997", "buffered", frozenset({"plan", "buffers"}), _echo, "a page", {"rows": 1, "share": 1})


def test_a_crashing_rule_is_a_hit_and_the_others_are_still_asked() -> None:
    crash, echo = check(EXECUTED, [CRASHING, ECHO])
    assert (crash.code, crash.judged) == ("PB000", False)
    assert crash.message == "not judged: PB998 half-way crashed with KeyError: 'Sort Key'"
    assert (echo.code, echo.judged, echo.relation) == ("PB999", True, "t")


def test_a_rule_without_its_evidence_says_what_is_missing() -> None:
    (hit,) = check(PLANNED, [ECHO])
    assert (hit.code, hit.judged) == ("PB999", False)
    assert hit.message == "not judged: the statement was planned, not executed (ANALYZE)"
    (hit,) = check(EXECUTED, [BUFFERED])
    assert hit.message == "not judged: blocks were not counted (BUFFERS)"


def test_a_budgets_thresholds_go_over_the_rules_own() -> None:
    (hit,) = check(EXECUTED, [ECHO], {"PB999": {"rows": 77}, "PB201": {"share": 0.1}})
    assert hit.message == "77 and 0.5"
