"""Each verdict of the ladder, from evidence."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from verdict_data import SQL, baseline, budget, evidence, scan, statement

from pytest_perfbudget.model import Verdict
from pytest_perfbudget.rules import BUILTIN
from pytest_perfbudget.verdict.judge import Bench, judge
from pytest_perfbudget.verdict.judgement import Judgement

BENCH = Bench(date(2026, 1, 1), {"orders": 5000}, BUILTIN)
SEQ = scan("Seq Scan", 2000, Filter="(id = 1)", **{"Rows Removed by Filter": 199_999})


def codes(judgement: Judgement, verdict: Verdict) -> set[str]:
    return {finding.code for finding in judgement.findings if finding.verdict is verdict}


def test_nothing_moved_is_same() -> None:
    seen = evidence(statement(scan()))
    assert judge(budget(), seen, baseline(seen), BENCH).verdict is Verdict.SAME


def test_without_a_baseline_it_is_new() -> None:
    seen = evidence(statement(scan()))
    assert judge(budget(), seen, None, BENCH).verdict is Verdict.NEW


def test_another_environment_is_incomparable_and_lists_the_differences() -> None:
    seen = evidence(statement(scan()))
    judgement = judge(budget(), seen, baseline(seen, settings={"work_mem": "64MB"}), BENCH)
    assert judgement.verdict is Verdict.INCOMPARABLE
    assert judgement.findings[0].detail == ("work_mem: 64MB → default",)


def test_an_absolute_limit_holds_without_any_baseline() -> None:
    judgement = judge(budget(work={"buffers": 40}), evidence(statement(scan(blocks=41))), None, BENCH)
    assert codes(judgement, Verdict.OVER) == {"work.buffers"}
    assert judge(budget(work={"buffers": 41}), evidence(statement(scan(blocks=41))), None, BENCH).verdict is Verdict.NEW


def test_more_work_by_another_plan_is_regressed_and_named_by_the_rule() -> None:
    old = evidence(statement(scan()))
    judgement = judge(budget(), evidence(statement(SEQ)), baseline(old), BENCH)
    assert judgement.verdict is Verdict.REGRESSED
    assert codes(judgement, Verdict.REGRESSED) == {"PB201", "work.buffers"}
    [named] = [finding for finding in judgement.findings if finding.code == "PB201"]
    assert any(line.startswith("+") and "Seq Scan on orders" in line for line in named.detail)


def test_another_plan_with_no_more_work_is_equivalent_or_improved() -> None:
    old = evidence(statement(scan("Seq Scan", 4, Filter="(id = 1)")))
    assert judge(budget(), evidence(statement(scan(blocks=4))), baseline(old), BENCH).verdict is Verdict.EQUIVALENT
    heavy = evidence(statement(scan("Seq Scan", 400, Filter="(id = 1)")))
    assert judge(budget(), evidence(statement(scan(blocks=4))), baseline(heavy), BENCH).verdict is Verdict.IMPROVED


def test_plan_baseline_exact_and_off() -> None:
    old = evidence(statement(scan("Seq Scan", 4, Filter="(id = 1)")))
    now = evidence(statement(scan(blocks=4)))
    assert judge(budget(plan={"baseline": "exact"}), now, baseline(old), BENCH).verdict is Verdict.REGRESSED
    assert judge(budget(plan={"baseline": "off"}), now, baseline(old), BENCH).verdict is Verdict.SAME


def test_another_index_among_equals_is_equivalent_even_where_the_plan_is_held_exactly() -> None:
    old = evidence(statement(scan(blocks=4)))
    tied = evidence(statement(scan(blocks=4, **{"Index Name": "orders_id_total"})))
    exact = budget(plan={"baseline": "exact"})
    assert judge(exact, tied, baseline(old), BENCH).verdict is Verdict.EQUIVALENT
    more = evidence(statement(scan(blocks=400, **{"Index Name": "orders_id_total"})))
    assert judge(exact, more, baseline(old), BENCH).verdict is Verdict.REGRESSED


def test_a_clause_holds_for_the_one_partition_that_is_left() -> None:
    left = evidence(statement(scan("Seq Scan", **{"Relation Name": "orders_2025", "Alias": "o"})))
    bench = replace(BENCH, ancestors={"orders_2025": (("public", "orders"),)})
    forbidden = budget(plan={"forbid": ["Seq Scan on orders"]})
    assert judge(forbidden, left, baseline(left), bench).verdict is Verdict.REGRESSED
    assert judge(forbidden, left, baseline(left), BENCH).verdict is Verdict.SAME
    required = budget(plan={"require": ["Index Access on orders"]})
    assert "required and not in the plan" in judge(required, left, baseline(left), bench).findings[0].message


def test_edited_text_does_not_escape_its_baseline() -> None:
    old = evidence(statement(scan()))
    edited = SEQ | {"Query Text": SQL + " AND true"}
    judgement = judge(budget(), evidence(statement(edited, sql=SQL + " AND true")), baseline(old), BENCH)
    assert judgement.verdict is Verdict.REGRESSED


def test_a_second_statement_without_partner_is_new() -> None:
    old = evidence(statement(scan()))
    other = "SELECT count(*) FROM orders"
    now = evidence(statement(scan()), statement(scan() | {"Query Text": other}, sql=other))
    assert codes(judge(budget(), now, baseline(old), BENCH), Verdict.NEW) == {"baseline"}


def test_the_sums_of_the_test_are_compared_even_if_every_query_is_within_its_margin() -> None:
    texts = [f"SELECT {'x, ' * n}id FROM orders WHERE id = $1" for n in range(5)]

    def seen(blocks: int) -> object:
        return evidence(*(statement(scan(blocks=blocks) | {"Query Text": text}, sql=text) for text in texts))

    judgement = judge(budget(), seen(26), baseline(seen(20)), BENCH)  # type: ignore[arg-type]
    assert judgement.verdict is Verdict.REGRESSED
    assert next(finding.message for finding in judgement.findings) == "buffers of the whole test rose"


def test_a_forbidden_shape_is_regressed_on_a_large_table_and_unjudged_on_a_tiny_one() -> None:
    promised = budget(plan={"forbid": ["Seq Scan on orders"]})
    seen = evidence(statement(SEQ))
    assert codes(judge(promised, seen, None, BENCH), Verdict.REGRESSED) == {"plan.forbid"}
    tiny = judge(promised, seen, None, Bench(date(2026, 1, 1), {"orders": 2}, BUILTIN))
    assert codes(tiny, Verdict.UNJUDGED) == {"plan.forbid"}
    assert "orders has 2 pages" in tiny.findings[-1].message or "orders has 2 pages" in tiny.findings[0].message


def test_a_requirement_that_no_statement_concerns_matched_nothing() -> None:
    promised = budget(plan={"require": ["Index Access on invoices"]})
    [finding, *_] = judge(promised, evidence(statement(scan())), None, BENCH).findings
    assert (finding.verdict, finding.code) == (Verdict.REGRESSED, "plan.require")
    assert "matched nothing" in finding.message


def test_a_statement_without_a_plan_fails_a_plan_clause_and_is_unjudged_otherwise() -> None:
    seen = evidence(statement(why_no_plan="EXPLAIN failed: lock timeout"))
    assert "plan" in codes(judge(budget(plan={"forbid": ["Seq Scan on *"]}), seen, None, BENCH), Verdict.OVER)
    assert "plan" in codes(judge(budget(), seen, None, BENCH), Verdict.UNJUDGED)


def test_work_that_was_not_counted_is_unjudged_not_passed() -> None:
    seen = evidence(statement(why_no_plan="no contrib"))
    assert codes(judge(budget(work={"buffers": 40}), seen, None, BENCH), Verdict.UNJUDGED) >= {"work.buffers"}


@pytest.mark.parametrize(("until", "verdict"), [("2026-06-30", Verdict.WAIVED), ("2025-12-31", Verdict.OVER)])
def test_a_waiver_covers_its_rule_until_its_end(until: str, verdict: Verdict) -> None:
    waiver = {"rule": "work.buffers", "reason": "nightly", "owner": "@data", "until": until}
    judgement = judge(budget(work={"buffers": 1}, waive=[waiver]), evidence(statement(scan())), None, BENCH)
    [finding] = [finding for finding in judgement.findings if finding.code == "work.buffers"]
    assert finding.verdict is verdict
    assert until in finding.note


def test_a_narrowing_holds_for_its_statements_only() -> None:
    promised = budget(query={"lines": {"work": {"buffers": 3}}})
    both = evidence(
        statement(scan(blocks=9), sql="SELECT 1 FROM orders", function="head"), statement(scan(), function="lines")
    )
    assert [f.measured for f in judge(promised, both, None, BENCH).findings if f.code == "work.buffers"] == [4]


def test_a_narrowing_that_matches_nothing_is_an_error_where_the_test_is_the_only_one() -> None:
    promised = budget(query={"lines": {"work": {"buffers": 3}}})
    sole = Bench(date(2026, 1, 1), sole=True)
    assert codes(judge(promised, evidence(statement(scan())), None, sole), Verdict.OVER) == {"query.lines"}
    assert codes(judge(promised, evidence(statement(scan())), None, BENCH), Verdict.OVER) == set()
