"""What of a test is compared, with what, and how it is held: seconds are made up, no server is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from pytest_perfbudget.baselines.record import query_record
from pytest_perfbudget.budgets.budget import Budget
from pytest_perfbudget.budgets.inline import inline
from pytest_perfbudget.errors import At, DisturbedError
from pytest_perfbudget.measure import regression
from pytest_perfbudget.measure.calibration import REFERENCES
from pytest_perfbudget.model import Environment, Finding, Site, Statement, TestEvidence, Verdict
from pytest_perfbudget.session.against import compare
from pytest_perfbudget.session.against.child import NoReferenceError
from pytest_perfbudget.session.against.parcel import Given, GivenQuery, GivenTest
from pytest_perfbudget.session.against.sides import CONTROL, End, Execute
from pytest_perfbudget.session.against.worktree import Commit
from pytest_perfbudget.verdict.gather import gather
from pytest_perfbudget.verdict.slower import NOT_COMPARED

ENVIRONMENT = Environment("18.6", 18, "deterministic", "embedded", "C.UTF-8", 8192, False)
SQL = "SELECT * FROM orders WHERE id = $1"


def statement(sql: str = SQL, function: str = "recent", value: bytes = b"1") -> Statement:
    plan = {"Node Type": "Seq Scan", "Relation Name": "orders", "Alias": "orders", "Total Cost": 1.0}
    counters = {"Actual Rows": 1, "Actual Loops": 1, "Shared Hit Blocks": 4, "Shared Read Blocks": 0}
    document = {"Query Text": sql, "Plan": plan | counters}
    return Statement(sql, (value,), (23,), (0,), Site("app.py", 7, function), plans=[document], rows=1)


def evidence(*statements: Statement) -> TestEvidence:
    return gather("test_shop.py::test_x", "orders.x", statements, ENVIRONMENT)


def held(**latency: Any) -> Budget:
    return inline({"latency": {"regress": "10%"} | latency}, At("budgets/orders.toml", 1), "orders.x")


class Reference:
    """Sent ``statements``, or could not."""

    def __init__(self, *statements: Statement, fails: str = "") -> None:
        queries = evidence(*statements).queries
        given = tuple(GivenQuery(query_record(one), one.executions[-1], one.writes) for one in queries)
        self.commit = Commit("main", "7e8a81cb04aa", Path("/project"))
        self.given = Given({"test_shop.py::test_x": GivenTest("orders.x", given)}, "hash", ENVIRONMENT)
        self.name, self._fails = "one connection", fails

    def test(self, test: str, budget: str) -> GivenTest:
        if self._fails:
            raise NoReferenceError(self._fails, remedy="its output")
        return self.given.tests[test]

    def layout(self, test: str, sides: object) -> Reference:
        return self

    @contextmanager
    def connect(self) -> Iterator[tuple[End, End]]:
        connection: Any = SimpleNamespace(prepare_threshold=5)
        yield End(connection), End(connection)


@pytest.fixture
def executing(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[str], float]], list[str]]:
    """Have each execution take what a function of its text says; the texts, as they were executed."""

    def install(seconds: Callable[[str], float]) -> list[str]:
        done: list[str] = []

        def call(self: Execute) -> float:
            sql = self.replay._statement.sql
            taken = 0.001 if sql in (CONTROL, *REFERENCES) else seconds(sql)
            done.append(sql)
            if self.taken is not None:
                self.taken.append(taken)
            return taken

        monkeypatch.setattr(Execute, "__call__", call)
        monkeypatch.setattr(compare, "perf_counter", lambda: 0.0)
        monkeypatch.setattr(regression, "APART", 0.0)
        return done

    return install


def compared(
    budget: Budget,
    now: TestEvidence,
    reference: Reference | None,
    disturbed: str | None = None,
    undisturbed: Callable[[], Any] = lambda: nullcontext(300.0),
) -> tuple[TestEvidence, tuple[Finding, ...]]:
    place: Any = SimpleNamespace(undisturbed=undisturbed, progress=lambda what: nullcontext())
    given: Any = reference
    return compare.compare_times(budget, now, place, given, disturbed)


def test_a_budget_that_does_not_ask_costs_nothing() -> None:
    asked_nothing = inline({"latency": {"p50": "2 ms"}}, At("budgets/orders.toml", 1), "orders.x")
    now = evidence(statement())
    assert not compare.asks(asked_nothing)
    assert compared(asked_nothing, now, None) == (now, ())


@pytest.mark.parametrize(
    ("reference", "disturbed", "verdict", "message"),
    [
        (None, None, Verdict.SAME, NOT_COMPARED),
        (Reference(), "coverage watches", Verdict.UNJUDGED, "latency.regress: coverage watches"),
        (Reference(fails="its seed failed"), None, Verdict.UNJUDGED, "latency.regress: its seed failed"),
    ],
)
def test_a_test_that_is_not_compared_says_so_once(
    reference: Reference | None, disturbed: str | None, verdict: Verdict, message: str
) -> None:
    now = evidence(statement(), statement("SELECT 2", "other"))
    after, (found,) = compared(held(), now, reference, disturbed)
    assert (after, found.verdict, found.message) == (now, verdict, message)


def test_where_quiet_cannot_be_had_each_statement_is_unjudged() -> None:
    def refused() -> Any:
        raise DisturbedError("tests of other workers did not end within 30 s (measure_wait)")

    now = evidence(statement(), statement("SELECT 2", "other"))
    after, found = compared(
        held(), now, Reference(*now.queries[0].executions, statement("SELECT 2", "other")), None, refused
    )
    assert after == now
    assert [(one.verdict, one.query) for one in found] == [(Verdict.UNJUDGED, query.key) for query in now.queries]
    assert {one.message for one in found} == {
        "latency.regress: tests of other workers did not end within 30 s (measure_wait)"
    }


def test_an_edited_statement_is_held_and_an_unchanged_one_reported(executing: Any) -> None:
    edited = SQL + " LIMIT 5"
    executing(lambda sql: 0.0012 if sql == edited else 0.001)
    other = statement("SELECT count(*) FROM orders", "count")
    after, found = compared(held(), evidence(statement(edited), other), Reference(statement(), other))
    assert [(one.verdict, one.query) for one in found] == [(Verdict.REGRESSED, after.queries[0].key)]
    first, second = (query.against for query in after.queries)
    assert first
    assert second
    assert (first.verdict, first.gated, second.verdict, second.gated) == ("regressed", True, "same", False)
    assert (first.old_p50, first.new_p50) == (0.001, 0.0012)
    assert (second.first.n, second.again) == (30, None)


@pytest.mark.parametrize(
    ("budget", "old", "gated"),
    [(held(), statement(), False), (held(always=True), statement(), True), (held(), statement(value=b"2"), True)],
    ids=["unchanged", "always", "other parameters"],
)
def test_what_is_gated(executing: Any, budget: Budget, old: Statement, gated: bool) -> None:
    executing(lambda sql: 0.001)
    after, found = compared(budget, evidence(statement()), Reference(old))
    assert found == ()
    assert after.queries[0].against
    assert after.queries[0].against.gated is gated


def test_the_strictest_of_what_concerns_a_statement_is_held(executing: Any) -> None:
    executing(lambda sql: 0.00104 if "LIMIT" in sql else 0.001)
    budget = inline(
        {"latency": {"regress": "20%"}, "query": {"recent": {"latency": {"regress": "6%"}}}},
        At("x.toml", 1),
        "orders.x",
    )
    now = evidence(statement(SQL + " LIMIT 5"))
    assert [one.verdict for one in compared(budget, now, Reference(statement()))[1]] == [Verdict.REGRESSED]
    assert compared(replace(budget, queries={}), now, Reference(statement()))[1] == ()


@pytest.mark.parametrize(
    ("now", "old", "words"),
    [
        (statement(), (), "not in main: it has no statement to compare this one with"),
        (statement("DELETE FROM orders"), (statement(),), "the statement writes; latency.writes = true times it"),
        (statement(), (statement("DELETE FROM orders"),), "the statement writes; latency.writes = true times it"),
    ],
)
def test_a_statement_without_a_partner_to_execute_is_unjudged(
    executing: Any, now: Statement, old: tuple[Statement, ...], words: str
) -> None:
    done = executing(lambda sql: 0.001)
    after, (found,) = compared(held(), evidence(now), Reference(*old))
    assert (found.verdict, found.message, after.queries[0].against) == (
        Verdict.UNJUDGED,
        f"latency.regress: {words}",
        None,
    )
    assert done == []


def test_a_write_is_timed_where_the_budget_says_so(executing: Any) -> None:
    executing(lambda sql: 0.001)
    after, found = compared(held(writes=True), evidence(statement("DELETE FROM orders")), Reference(statement()))
    assert found == ()
    assert after.queries[0].against


@pytest.mark.parametrize("left", [0.1, 1.0])
def test_no_more_is_measured_than_the_run_may(executing: Any, monkeypatch: pytest.MonkeyPatch, left: float) -> None:
    """Each execution takes 50 ms; either side of both statements is executed once before anything is timed."""
    edited, other = statement(SQL + " LIMIT 5"), statement("SELECT count(*) FROM orders", "count")
    done = executing(lambda sql: 0.06 if sql == edited.sql else 0.05)
    monkeypatch.setattr(compare, "perf_counter", lambda: 0.05 * len(done))
    now, reference = evidence(edited, other), Reference(statement(), other)
    after, found = compared(held(), now, reference, None, lambda: nullcontext(left))
    (said,) = (one for one in found if one.query == now.queries[0].key)
    assert said.verdict is Verdict.UNJUDGED
    assert "what is left of measure_cap, was reached" in said.message
    assert len(done) <= max(left / 0.05, 4) + 4
    assert [query.against is not None for query in after.queries] == [left == 1.0, False]


def test_an_error_in_the_middle_leaves_every_statement_unjudged(executing: Any) -> None:
    left = iter(range(40))

    def seconds(sql: str) -> float:
        if next(left, None) is None:
            raise psycopg.errors.QueryCanceled("canceling statement due to statement timeout")
        return 0.001

    executing(seconds)
    now = evidence(statement(SQL + " LIMIT 5"), statement("SELECT 2", "other"))
    _, found = compared(held(), now, Reference(statement(), statement("SELECT 3", "other")))
    words = "latency.regress: the comparison was broken off: canceling statement due to statement timeout"
    assert [one.message for one in found] == [words, words]


SET = Statement("SET work_mem = '64MB'", site=Site("app.py", 7, "setting"))
NOTHING = "none of its statements is planned: there is nothing to execute again"


@pytest.mark.parametrize(
    ("sql", "values"),
    [
        ("DECLARE c CURSOR FOR SELECT 1", {"fetched": "cursor"}),
        ("COPY (SELECT 1) TO STDOUT", {}),
        ("CALL settle(1)", {"plans": statement().plans}),
    ],
)
def test_what_is_planned_and_not_executed_again_is_unjudged(executing: Any, sql: str, values: dict[str, Any]) -> None:
    done = executing(lambda sql: 0.001)
    sent = Statement(sql, site=Site("app.py", 7, "recent"), **values)
    after, (found,) = compared(held(), evidence(sent), Reference(sent))
    assert (found.verdict, found.query, after.queries[0].against) == (Verdict.UNJUDGED, after.queries[0].key, None)
    words = "latency.regress: only SELECT, INSERT, UPDATE, DELETE and MERGE are timed, not "
    assert found.message == words + sql.split()[0]
    _, (found,) = compared(held(), evidence(statement()), Reference(sent))
    assert found.message == words.replace("only", "at main it is another: only") + sql.split()[0]
    assert done == []


def test_a_slowdown_that_nothing_is_held_to_is_said(executing: Any) -> None:
    executing(lambda sql: 0.001)
    now = evidence(SET)
    for reference in (Reference(), Reference(fails="its seed failed")):
        after, (found,) = compared(held(), now, reference)
        assert (after, found.verdict, found.message) == (now, Verdict.UNJUDGED, f"latency.regress: {NOTHING}")
    assert [one.message for one in compared(held(), now, None)[1]] == [NOT_COMPARED]
    assert compared(held(), evidence(SET, statement()), Reference(statement()))[1] == ()


def test_a_narrowing_that_nothing_is_held_to_is_said_where_it_has_statements(executing: Any) -> None:
    executing(lambda sql: 0.001)
    narrowed = {name: {"latency": {"regress": "6%"}} for name in ("setting", "elsewhere")}
    for whole in ({"latency": {"regress": "10%"}}, {}):
        budget = inline({"query": narrowed} | whole, At("x.toml", 1), "orders.x")
        _, (found,) = compared(budget, evidence(SET, statement()), Reference(statement()))
        assert (found.verdict, found.message) == (Verdict.UNJUDGED, f"latency.regress: {NOTHING}")
