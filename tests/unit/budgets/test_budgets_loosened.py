"""What a change makes laxer is listed; what it tightens is not."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_perfbudget.budgets.budget import Suite
from pytest_perfbudget.budgets.inline import inline
from pytest_perfbudget.budgets.key import Kind
from pytest_perfbudget.budgets.keys import KEYS
from pytest_perfbudget.budgets.loosened import loosened
from pytest_perfbudget.errors import At

PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
COUNTS = [
    key.name for key in KEYS if key.kind is Kind.COUNT and not key.arrives_with and key.name != "queries.distinct"
]
PATTERNS = ["Seq Scan on orders", "Nested Loop", "Sort"]
NAMES = st.sampled_from(["orders.recent", "orders.search", "items.list"])


def waiver(rule: str, until: date) -> dict[str, Any]:
    return {"rule": rule, "reason": "r", "owner": "o", "until": until}


def suite_of(keys: dict[str, dict[str, Any]]) -> Suite:
    return Suite({name: inline(one, At("budgets/x.toml", 3), name) for name, one in keys.items()})


@st.composite
def budgets(draw: st.DrawFn) -> dict[str, Any]:
    keys: dict[str, Any] = dict(draw(st.dictionaries(st.sampled_from(COUNTS), st.integers(0, 10**9), max_size=4)))
    keys["plan"] = {"baseline": draw(st.sampled_from(["exact", "no-worse", "off"]))}
    keys["plan"]["forbid"] = draw(st.lists(st.sampled_from(PATTERNS), unique=True))
    keys["work.regress"] = {"ratio": f"{draw(st.integers(0, 100))}%", "blocks": draw(st.integers(0, 100))}
    until = st.dates(date(2026, 1, 1), date(2030, 1, 1))
    keys["waive"] = [waiver(rule, draw(until)) for rule in draw(st.sets(st.sampled_from(["PB201", "work.buffers"])))]
    return keys


SUITES = st.dictionaries(NAMES, budgets(), max_size=3)


@PATIENT
@given(SUITES)
def test_nothing_is_laxer_than_itself(keys: dict[str, dict[str, Any]]) -> None:
    assert loosened(suite_of(keys), suite_of(keys)) == ()


@PATIENT
@given(SUITES, NAMES, budgets(), st.sampled_from(COUNTS), st.integers(0, 10**9), st.integers(1, 10**9))
def test_a_raised_limit_is_always_listed_and_a_lowered_one_never(
    keys: dict[str, dict[str, Any]], name: str, budget: dict[str, Any], key: str, low: int, step: int
) -> None:
    lower = suite_of({**keys, name: {**budget, key: low}})
    higher = suite_of({**keys, name: {**budget, key: low + step}})
    assert loosened(lower, higher) == (f"{name}: {key} {low} → {low + step}  (budgets/x.toml:3)",)
    assert loosened(higher, lower) == ()


@PATIENT
@given(budgets(), st.dates(date(2026, 1, 1), date(2030, 1, 1)), st.integers(1, 1000))
def test_a_prolonged_waiver_is_listed_and_a_shortened_one_is_not(budget: dict[str, Any], end: date, days: int) -> None:
    later = end + timedelta(days)
    short = suite_of({"a.b": {**budget, "waive": [waiver("PB305", end)]}})
    long = suite_of({"a.b": {**budget, "waive": [waiver("PB305", later)]}})
    assert loosened(short, long) == (f"a.b: PB305 waived until {end} → {later}  (budgets/x.toml:3)",)
    assert loosened(long, short) == ()


PLACE = "(was at budgets/x.toml:3)"
HERE = "(budgets/x.toml:3)"


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ({"work": {"buffers": 40}}, {}, f"work.buffers 40 → no limit  {PLACE}"),
        ({"latency": {"p95": "5 ms"}}, {"latency": {"p95": "0.01 s"}}, f"latency.p95 5 ms → 0.01 s  {HERE}"),
        ({"plan": {"forbid": ["Nested Loop"]}}, {}, f'plan.forbid "Nested Loop" removed  {PLACE}'),
        ({"plan": {"require": ["Nested Loop"]}}, {}, f'plan.require "Nested Loop" removed  {PLACE}'),
        ({"plan": {"rules": {"PB201": "on"}}}, {}, f'plan.rules.PB201 "on" → not named  {PLACE}'),
        ({"plan": {"generic": True}}, {}, f"plan.generic true → false  {PLACE}"),
        ({"plan": {"baseline": "exact"}}, {}, f"plan.baseline exact → no-worse  {HERE}"),
        ({}, {"plan": {"baseline": "off"}}, f"plan.baseline no-worse → off  {HERE}"),
        ({}, {"work": {"regress": "25%"}}, f"work.regress 10% and 8 blocks → 25% and 8 blocks  {HERE}"),
        ({"latency": {"writes": True}}, {}, f"latency.writes true → false  {HERE}"),
        ({"throughput": {"min": 9}, "clients": 4}, {"throughput": {"min": 9}, "clients": 2}, f"clients 4 → 2  {HERE}"),
        ({"growth": "O(log n)"}, {}, f"growth O(log n) → not held to  {PLACE}"),
        ({"growth": "O(log n)"}, {"growth": "n^0.3"}, f"growth O(log n) → n^0.3  {HERE}"),
        ({"growth": "O(n)"}, {"growth": "O(n log n)"}, f"growth O(n) → O(n log n)  {HERE}"),
        ({"throughput": {"min": 200}}, {"throughput": {"min": 100}}, f"throughput.min 200 → 100  {HERE}"),
        ({"memory": {"peak": "8 MB"}}, {"memory": {"peak": "9 MB"}}, f"memory.peak 8 MB → 9 MB  {HERE}"),
        ({}, {"waive": [waiver("PB201", date(2027, 1, 31))]}, f"PB201 waived until 2027-01-31 by o: r  {HERE}"),
        ({"query": {"lines": {"work": {"rows": 3}}}}, {}, f"query.lines removed  {PLACE}"),
    ],
)
def test_each_way_to_be_laxer(old: dict[str, Any], new: dict[str, Any], line: str) -> None:
    assert loosened(suite_of({"a.b": old}), suite_of({"a.b": new})) == (f"a.b: {line}",)
    assert loosened(suite_of({"a.b": new}), suite_of({"a.b": old})) == ()


def test_other_options_of_a_rule_are_listed_both_ways_and_silence_once() -> None:
    few, many, off = ({"plan": {"rules": {"PB203": value}}} for value in ({"rows": 5}, {"rows": 9}, "off"))
    raised = f"a.b: plan.rules.PB203 {{ rows = 5 }} → {{ rows = 9 }}  {HERE}"
    assert loosened(suite_of({"a.b": few}), suite_of({"a.b": many})) == (raised,)
    assert len(loosened(suite_of({"a.b": many}), suite_of({"a.b": few}))) == 1
    silenced = f'a.b: plan.rules.PB203 {{ rows = 5 }} → "off"  {HERE}'
    assert loosened(suite_of({"a.b": few}), suite_of({"a.b": off})) == (silenced,)
    assert loosened(suite_of({"a.b": off}), suite_of({"a.b": few})) == ()


def test_a_narrowed_query_is_compared_by_its_own_name() -> None:
    old, new = ({"query": {"lines": {"work": {"rows": rows}}}} for rows in (3, 4))
    assert loosened(suite_of({"a.b": old}), suite_of({"a.b": new})) == (f"a.b.query.lines: work.rows 3 → 4  {HERE}",)


def test_a_query_does_not_repeat_what_its_budget_loosened() -> None:
    old, new = (
        {"plan": {"baseline": word}, "query": {"lines": {"work": {"rows": 3}}}} for word in ("exact", "no-worse")
    )
    assert loosened(suite_of({"a.b": old}), suite_of({"a.b": new})) == (f"a.b: plan.baseline exact → no-worse  {HERE}",)


def test_a_removed_budget_is_listed_and_a_new_one_is_not() -> None:
    one, both = suite_of({"a.b": {}}), suite_of({"a.b": {}, "a.c": {}})
    assert loosened(both, one) == ("a.c: budget removed  (was at budgets/x.toml:3)",)
    assert loosened(one, both) == ()


def test_a_pattern_that_moved_from_required_to_forbidden_is_listed() -> None:
    old, new = ({"plan": {key: ["Nested Loop"]}} for key in ("require", "forbid"))
    assert loosened(suite_of({"a.b": old}), suite_of({"a.b": new})) == (
        f'a.b: plan.require "Nested Loop" removed  {PLACE}',
    )


@pytest.mark.parametrize(
    ("after", "lines"),
    [
        ({"regress": "10%", "always": True}, []),
        ({"regress": "5%", "always": True}, []),
        ({"regress": "10%", "always": True, "baseline": "20%"}, []),
        ({"regress": "20%", "always": True}, ["latency.regress 10% → 20%  (budgets/x.toml:3)"]),
        ({"regress": "10%"}, ["latency.always true → false  (budgets/x.toml:3)"]),
        (
            {"p50": "2 ms"},
            [
                "latency.regress 10% → not held to  (was at budgets/x.toml:3)",
                "latency.always true → false  (budgets/x.toml:3)",
            ],
        ),
    ],
)
def test_a_slowdown_that_need_not_be_caught_any_more_is_listed(after: dict[str, Any], lines: list[str]) -> None:
    before = suite_of({"orders.recent": {"latency": {"regress": "10%", "always": True}}})
    now = suite_of({"orders.recent": {"latency": after}})
    assert sorted(loosened(before, now)) == sorted(f"orders.recent: {line}" for line in lines)


@pytest.mark.parametrize(
    ("after", "line"),
    [
        ("15%", None),
        ("25%", None),
        ("40%", "latency.baseline 25% → 40%  (budgets/x.toml:3)"),
        (None, "latency.baseline 25% → not held to  (was at budgets/x.toml:3)"),
    ],
)
def test_a_wider_margin_against_recorded_runs_is_listed(after: str | None, line: str | None) -> None:
    before = suite_of({"orders.recent": {"latency": {"baseline": "25%"}}})
    later = suite_of({"orders.recent": {"latency": {"baseline": after} if after else {"p50": "2 ms"}}})
    assert loosened(before, later) == ((f"orders.recent: {line}",) if line else ())
