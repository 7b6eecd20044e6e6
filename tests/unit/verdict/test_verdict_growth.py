"""What several sizes say of a budget: which figures are judged, and which finding stands for them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from verdict_data import evidence, scan, statement

from pytest_perfbudget.baselines.record import query_record
from pytest_perfbudget.budgets.budget import Budget
from pytest_perfbudget.budgets.inline import inline
from pytest_perfbudget.errors import At
from pytest_perfbudget.measure.sampling import State
from pytest_perfbudget.model import Finding, TestEvidence, Verdict
from pytest_perfbudget.verdict.growth import growth_findings
from pytest_perfbudget.verdict.sizes import Judged, Sent, Sized, judge_sizes

SIZES = (1000, 4000, 16_000, 64_000)
OTHER = "SELECT name FROM customers WHERE id = $1"


def budget(**keys: Any) -> Budget:
    return inline(keys or {"growth": "O(log n)"}, At("budgets/orders.toml", 2), "orders.recent")


def at(size: int, *sent: Any, calls: int = 1, rows: int = 1, seconds: tuple[float, ...] = ()) -> Sized:
    """The test at a size, of statements as ``verdict_data`` makes them."""
    queries = evidence(*sent).queries
    return Sized(size, size, {query.key: Sent(query_record(query), calls, rows, seconds) for query in queries})


def judged(
    sized: list[Sized], of: Budget | None = None, here: TestEvidence | None = None
) -> tuple[list[Judged], list[Finding]]:
    of, here = of or budget(), here or evidence(statement(scan()))
    found = judge_sizes(of, here, sized)
    return found, growth_findings(of, here, found, sized)


def states(found: list[Judged]) -> dict[tuple[bool, str], State]:
    return {(one.query is None, one.metric.name): one.state for one in found}


def test_an_index_is_within_its_bound() -> None:
    found, findings = judged([at(size, statement(scan(blocks=4))) for size in SIZES])
    assert states(found) == dict.fromkeys([(False, name) for name in ("buffers", "rows", "statements")], State.WITHIN)
    assert findings == []


def test_a_scan_is_over_with_its_curve_and_the_plan_that_came() -> None:
    plans = [scan(blocks=4), scan("Seq Scan", 25), scan("Seq Scan", 100), scan("Seq Scan", 400)]
    _, (finding,) = judged([at(size, statement(plan)) for size, plan in zip(SIZES, plans, strict=True)])
    assert (finding.code, finding.verdict, finding.query) == (
        "growth",
        Verdict.OVER,
        evidence(statement(scan())).queries[0].key,
    )
    assert finding.message.startswith("buffers: grows as n^")
    assert finding.cause == "the plan flips between 1,000 and 4,000 rows"
    assert "-- the plan flips --" in "\n".join(finding.detail)
    assert finding.detail[-2:] == (
        "- Index Scan using orders_pkey on orders   Index Cond: id = ?",
        "+ Seq Scan on orders",
    )


def test_rows_count_where_blocks_do_not_grow() -> None:
    sized = [at(size, statement(scan(blocks=9)), rows=size * 10) for size in SIZES]
    found, (finding,) = judged(sized)
    assert states(found)[False, "buffers"] is State.WITHIN
    assert finding.message.startswith("rows: grows as n^1")


def test_a_statement_that_is_sent_more_often_says_so() -> None:
    sized = [at(size, *[statement(scan(blocks=4))] * (size // 100), calls=size // 100) for size in SIZES]
    _, (finding,) = judged(sized)
    assert finding.cause == "it is sent 10 times at 1,000 rows and 640 times at 64,000"


def test_statements_that_differ_at_each_size_are_found_in_their_sum() -> None:
    sized = [
        at(size, statement(scan()), *[statement(scan(), sql=f"SELECT {'a' * (i + 1)}") for i in range(size // 1000)])
        for size in SIZES
    ]
    found, (finding,) = judged(sized)
    assert {name for whole, name in states(found) if whole} == {"buffers", "rows", "statements"}
    assert (finding.verdict, finding.query) == (Verdict.OVER, None)
    assert "plan flips" not in "\n".join(finding.detail)  # other statements have other plans


def test_the_sum_is_not_said_again_beside_the_statement_that_makes_it() -> None:
    here = evidence(statement(scan()), statement(scan(), sql=OTHER))
    sized = [at(size, statement(scan(blocks=size // 100)), statement(scan(), sql=OTHER)) for size in SIZES]
    found, findings = judged(sized, here=here)
    assert states(found)[True, "buffers"] is State.BEYOND
    assert [finding.query for finding in findings] == [here.queries[0].key]


def test_what_decides_nothing_is_unjudged() -> None:
    sized = [at(size, statement(scan(blocks=size // 100))) for size in SIZES[:3]]
    _, (finding,) = judged(sized)
    assert finding.verdict is Verdict.UNJUDGED
    assert "3 of the 4 sizes needed" in finding.message


def test_a_narrowed_bound_is_that_of_its_statements_alone() -> None:
    of = budget(query={"recent": {"growth": "O(n)"}})
    sized = [at(size, statement(scan(blocks=size // 100))) for size in SIZES]
    found, findings = judged(sized, of)
    assert (states(found)[False, "buffers"], findings) == (State.WITHIN, [])
    strict = budget(growth="O(n)", query={"recent": {"growth": "O(log n)"}})
    assert [finding.verdict for finding in judged(sized, strict)[1]] == [Verdict.OVER]
    power = budget(growth="O(n log n)", query={"recent": {"growth": "n^0.3"}})
    assert [finding.verdict for finding in judged(sized, power)[1]] == [Verdict.OVER]
    (missing,) = judged([at(size, statement(scan(), sql=OTHER)) for size in SIZES], of)[1]
    assert missing.message == "growth: it is not sent at 1,000 rows"


def test_a_write_that_was_not_counted_is_unjudged() -> None:
    plain = {key: value for key, value in scan()["Plan"].items() if "Actual" not in key and "Blocks" not in key}
    planned = statement({"Query Text": "", "Plan": plain}, sql="UPDATE orders SET total = $1")
    here = evidence(planned)
    _, findings = judged([at(size, planned) for size in SIZES], here=here)
    assert [finding.verdict for finding in findings] == [Verdict.UNJUDGED]


def test_work_that_one_size_did_not_count_is_said_to_be_missing() -> None:
    plain = {key: value for key, value in scan()["Plan"].items() if "Actual" not in key and "Blocks" not in key}
    sized = [at(size, statement(scan() if size > 1000 else {"Query Text": "", "Plan": plain})) for size in SIZES]
    _, (finding,) = judged(sized)
    assert finding.message == "growth: its work was not counted at each size"


@pytest.mark.parametrize("counted", [True, False])
def test_a_statement_that_is_not_sent_at_each_size_is_in_the_sum_if_it_was_counted(counted: bool) -> None:
    plain = {key: value for key, value in scan()["Plan"].items() if "Actual" not in key and "Blocks" not in key}
    other = statement(scan() if counted else {"Query Text": OTHER, "Plan": plain}, sql=OTHER)
    here = evidence(statement(scan()), statement(scan(), sql=OTHER))
    sized = [at(size, statement(scan()), *([other] if size > 4000 else [])) for size in SIZES]
    _, findings = judged(sized, here=here)
    assert [(one.verdict, one.message) for one in findings] == (
        [] if counted else [(Verdict.UNJUDGED, "growth: its work was not counted at each size")]
    )


def test_times_are_reported_and_fail_nothing() -> None:
    sized = [at(size, statement(scan()), seconds=tuple(size * 1e-6 + i * 1e-7 for i in range(12))) for size in SIZES]
    found, findings = judged(sized)
    (time,) = (one for one in found if one.metric.name == "time")
    assert (time.state, time.grown.gated, findings) == (State.BEYOND, False, [])


def test_what_the_report_keeps() -> None:
    plans = [scan(blocks=4), scan("Seq Scan", 25), scan("Seq Scan", 100), scan("Seq Scan", 400)]
    found, _ = judged([at(size, statement(plan)) for size, plan in zip(SIZES, plans, strict=True)])
    grown = found[0].grown
    assert (grown.metric, grown.bound, grown.state, grown.flips) == ("buffers", "O(log n)", "beyond", ((1000, 4000),))
    assert [point.figure for point in grown.points] == [4, 25, 100, 400]
    flat = judged([at(size, statement(scan())) for size in SIZES])[0][0].grown
    assert flat.exponent
    assert flat.exponent[2] is None


@pytest.mark.parametrize("change", [0, 1])
def test_the_plan_that_is_used_most_is_the_statements(change: int) -> None:
    query = evidence(statement(scan()), statement(scan()), statement(scan("Seq Scan"))).queries[0]
    record = query_record(query)
    plans = tuple(
        replace(plan, calls=plan.calls + 2 * change * (plan.tree[0].startswith("Seq"))) for plan in record.plans
    )
    plan = Sent(replace(record, plans=plans), 3).plan
    assert plan
    assert plan.tree[0].startswith("Seq Scan" if change else "Index Scan")
