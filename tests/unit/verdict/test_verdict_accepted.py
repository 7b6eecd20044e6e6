"""A query is held to the figures of the accepted plan that it used; the sums of its test with it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from verdict_data import baseline, budget, evidence, scan, statement

from pytest_perfbudget.baselines.record import Baseline, accept
from pytest_perfbudget.model import TestEvidence, Verdict
from pytest_perfbudget.rules import BUILTIN
from pytest_perfbudget.verdict.judge import Bench, judge

BENCH = Bench(date(2026, 1, 1), {"orders": 5000}, BUILTIN)
OTHER = "SELECT count(*) FROM orders"


def by_index(blocks: int = 4) -> TestEvidence:
    return evidence(statement(scan(blocks=blocks)), statement(scan() | {"Query Text": OTHER}, sql=OTHER))


def by_scan(blocks: int) -> TestEvidence:
    read = scan("Seq Scan", blocks, Filter="(id = 1)")
    return evidence(statement(read), statement(scan() | {"Query Text": OTHER}, sql=OTHER))


def accepted(first: TestEvidence, beside: TestEvidence) -> Baseline:
    """The baseline of ``first`` with the first query's plan of ``beside`` accepted."""
    old = baseline(first)
    record = old.tests[first.test]
    query = accept(record.queries[0], beside.queries[0], "few rows")
    return replace(old, tests={first.test: replace(record, queries=(query, *record.queries[1:]))})


def verdict(seen: TestEvidence, old: Baseline) -> Verdict:
    return judge(budget(), seen, old, BENCH).verdict


def test_either_plan_is_the_same_at_its_own_figures() -> None:
    old = accepted(by_index(), by_scan(800))
    assert verdict(by_index(), old) is Verdict.SAME
    assert verdict(by_scan(800), old) is Verdict.SAME


def test_more_or_less_is_told_from_the_accepted_plans_figures() -> None:
    old = accepted(by_index(), by_scan(800))
    assert verdict(by_scan(900), old) is Verdict.REGRESSED
    assert verdict(by_scan(700), old) is Verdict.IMPROVED
    assert verdict(by_index(40), old) is Verdict.REGRESSED


def test_exact_takes_an_accepted_plan_for_the_recorded_one() -> None:
    old = accepted(by_index(), by_scan(4))
    exact = budget(plan={"baseline": "exact"})
    assert judge(exact, by_scan(4), old, BENCH).verdict is Verdict.SAME
    assert judge(exact, by_scan(4), baseline(by_index()), BENCH).verdict is Verdict.REGRESSED


def test_without_figures_of_its_own_an_accepted_plan_is_held_to_the_recorded_ones() -> None:
    old = accepted(by_index(), by_scan(800))
    record = old.tests[by_index().test]
    bare = replace(record.queries[0], accepted=(replace(record.queries[0].accepted[0], work=None),))
    bare_baseline = replace(old, tests={by_index().test: replace(record, queries=(bare, *record.queries[1:]))})
    assert verdict(by_scan(800), bare_baseline) is Verdict.REGRESSED
    assert verdict(by_scan(5), bare_baseline) is Verdict.SAME


def test_fingerprints_of_another_version_do_not_compare() -> None:
    old = accepted(by_index(), by_scan(800))
    record = old.tests[by_index().test]
    stale = replace(record.queries[0], accepted=(replace(record.queries[0].accepted[0], version=0),))
    stale_baseline = replace(old, tests={by_index().test: replace(record, queries=(stale, *record.queries[1:]))})
    assert verdict(by_index(), stale_baseline) is Verdict.INCOMPARABLE
