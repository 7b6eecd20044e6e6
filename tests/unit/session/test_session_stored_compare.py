"""What of a test is held to recorded runs, and what of a run is recorded: seconds are made up, no server is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from pytest_perfbudget.budgets.budget import Budget
from pytest_perfbudget.budgets.inline import inline
from pytest_perfbudget.errors import At, DisturbedError
from pytest_perfbudget.measure.regression import APART
from pytest_perfbudget.measure.stored import Recorded
from pytest_perfbudget.model import Environment, Finding, Site, Statement, Stored, TestEvidence, TestResult, Verdict
from pytest_perfbudget.model.resources import Scheduled, Shared
from pytest_perfbudget.session.options import Options
from pytest_perfbudget.session.stored import compare
from pytest_perfbudget.session.stored.record import record
from pytest_perfbudget.session.stored.runs import Runs
from pytest_perfbudget.verdict.gather import gather
from pytest_perfbudget.verdict.stored import KEY

ENVIRONMENT = Environment("18.6", 18, "deterministic", "embedded", "C.UTF-8", 8192, False)
SQL = "SELECT * FROM orders WHERE id = $1"
OTHER = "SELECT count(*) FROM orders"


def statement(sql: str = SQL, function: str = "recent") -> Statement:
    return Statement(sql, site=Site("app.py", 7, function), rows=1)


def evidence(*statements: Statement) -> TestEvidence:
    return gather("test_shop.py::test_x", "orders.x", statements or (statement(),), ENVIRONMENT)


def held(margin: str = "15%", **latency: Any) -> Budget:
    return inline({"latency": {"baseline": margin} | latency}, At("budgets/orders.toml", 1), "orders.x")


class Server:
    """Executes the statement in ``seconds`` of its text and connection; a reference takes a millisecond."""

    def __init__(self, seconds: Callable[[str, int], float], differs: str = "", fails: str = "") -> None:
        self._seconds, self._differs, self._fails = seconds, differs, fails
        self.connections, self.left = 0, 300.0
        self.undone: set[bool] = set()
        self.server, self.database = SimpleNamespace(kind="embedded"), "shop"

    def progress(self, what: str) -> Any:
        return nullcontext()

    @contextmanager
    def undisturbed(self) -> Iterator[float]:
        yield self.left

    @contextmanager
    def calling(self, statements: Sequence[Statement], *, undo: bool = False) -> Iterator[Any]:
        self.connections += 1
        self.undone.add(undo)
        yield Calls(self, statements[0].sql, self.connections)


class Calls:
    def __init__(self, server: Server, sql: str, number: int) -> None:
        self._server, self._sql, self._number = server, sql, number
        self.connection = SimpleNamespace(info=SimpleNamespace(backend_pid=number))

    def __call__(self) -> float:
        if self._server._fails:
            raise psycopg.errors.UndefinedTable(self._server._fails)
        return self._server._seconds(self._sql, self._number)

    def another(self, sql: str) -> Callable[[], float]:
        return lambda: 0.001

    def differs(self) -> str:
        return self._server._differs


class History:
    def __init__(self, *figures: float, records: bool = False) -> None:
        self._figures, self.records = figures, records

    def of(self, test: str, queries: Sequence[Any], environment: object) -> dict[str, tuple[Recorded, ...]]:
        return {query.key: tuple(Recorded(figure, "cpu") for figure in self._figures) for query in queries}


@pytest.fixture(autouse=True)
def others(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Of the two seconds that the processors had each time something was measured again, those of others."""
    had = [0.0]
    watched = SimpleNamespace(watch=lambda: lambda: Shared(2.0, had[0], 2.0))
    monkeypatch.setattr(compare, "neighbours", lambda place: watched)
    return had


@pytest.fixture(autouse=True)
def made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "perf_counter", lambda: 0.0)
    monkeypatch.setattr(compare, "sleep", lambda seconds: None)
    monkeypatch.setattr(compare, "machine", lambda server: "cpu")
    monkeypatch.setattr(compare, "scheduled", lambda backend, database: nullcontext(Scheduled))


def compared(
    budget: Budget, now: TestEvidence, server: Server, history: History, disturbed: str | None = None
) -> tuple[TestEvidence, tuple[Finding, ...]]:
    place: Any = server
    given: Any = history
    return compare.compare_with_runs(budget, now, place, given, disturbed)


DECLARE = Statement("DECLARE c CURSOR FOR SELECT 1", fetched="cursor")
SIX = History(2.0, 2.0, 2.0, 2.0, 2.0, 2.0)


def test_a_budget_that_does_not_ask_costs_nothing() -> None:
    server, now = Server(lambda sql, n: 0.002), evidence()
    budget = inline({"latency": {"p50": "2 ms"}}, At("budgets/orders.toml", 1), "orders.x")
    assert compared(budget, now, server, SIX) == (now, ())
    assert server.connections == 0


def test_a_figure_is_that_of_the_statement_beside_its_references() -> None:
    after, found = compared(held(), evidence(), Server(lambda sql, n: 0.002), SIX)
    stored = after.queries[0].stored
    assert stored
    assert (found, stored.verdict, stored.runs, stored.machine) == ((), "same", 6, "cpu")
    assert stored.figure == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (DECLARE, "only SELECT, INSERT, UPDATE, DELETE and MERGE are timed, not DECLARE"),
        (Statement("BEGIN"), "none of its statements is planned: there is nothing to execute again"),
    ],
)
def test_a_margin_that_nothing_is_held_to_is_said(sent: Statement, why: str) -> None:
    server = Server(lambda sql, n: 0.002)
    _, (finding,) = compared(held(), evidence(sent), server, SIX)
    assert (finding.verdict, finding.message) == (Verdict.UNJUDGED, f"latency.baseline: {why}")
    assert server.connections == 0


def test_what_it_waits_for_a_processor_is_not_in_the_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    """The statement is interrupted for 3 ms by others, each time; the references are not."""
    waited = [0.0]

    def seconds(sql: str, connection: int) -> float:
        waited[0] += 0.003
        return 0.005

    monkeypatch.setattr(compare, "scheduled", lambda backend, database: nullcontext(lambda: Scheduled(waited[0])))
    after, found = compared(held(), evidence(), Server(seconds), SIX)
    stored = after.queries[0].stored
    assert stored
    assert (found, stored.figure) == ((), pytest.approx(2.0))


def test_a_slower_statement_is_measured_again_and_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(compare, "sleep", slept.append)
    server = Server(lambda sql, n: 0.0026 if sql == SQL else 0.002)
    after, (found,) = compared(held(), evidence(statement(), statement(OTHER, "count")), server, SIX)
    assert (found.verdict, found.query) == (Verdict.REGRESSED, after.queries[0].key)
    first, second = (query.stored for query in after.queries)
    assert first
    assert second
    assert (first.again, second.verdict, second.again) == (pytest.approx(2.6), "same", None)
    assert slept == [APART]  # what disturbed it has passed


@pytest.mark.parametrize("writes", [True, False])
def test_each_execution_of_a_write_is_undone(writes: bool) -> None:
    server = Server(lambda sql, n: 0.002)
    sent = statement("UPDATE orders SET total = 1") if writes else statement()
    assert compared(held(writes=True), evidence(sent), server, SIX)[1] == ()
    assert server.undone == {writes}


def test_nothing_is_measured_beyond_what_the_run_may() -> None:
    server = Server(lambda sql, n: 0.002)
    server.left = 0.0
    (found,) = compared(held(), evidence(), server, SIX)[1]
    assert found.verdict is Verdict.UNJUDGED
    assert "what is left of measure_cap, was reached after 0 of the 12 rounds needed" in found.message


@pytest.mark.parametrize(("had", "verdict"), [(0.2, Verdict.REGRESSED), (0.21, Verdict.UNJUDGED)])
def test_what_is_slower_beside_neighbours_is_not_judged(others: list[float], had: float, verdict: Verdict) -> None:
    others[0] = had
    after, (found,) = compared(held(), evidence(), Server(lambda sql, n: 0.0026), SIX)
    assert (found.verdict, after.queries[0].stored.again) == (verdict, pytest.approx(2.6))
    assert ("others had 10.5% of the processors' time meanwhile: +30%" in found.message) is (had > 0.2)


def test_what_the_second_time_is_as_fast_as_ever_is_unjudged() -> None:
    server = Server(lambda sql, n: 0.0026 if n <= 4 else 0.002)
    after, (found,) = compared(held(), evidence(), server, SIX)
    assert found.verdict is Verdict.UNJUDGED
    assert "not confirmed" in found.message
    stored = after.queries[0].stored
    assert stored
    assert stored.figure == pytest.approx(2.6)


def test_without_enough_runs_nothing_is_measured_unless_it_will_be_recorded() -> None:
    server = Server(lambda sql, n: 0.002)
    after, (found,) = compared(held(), evidence(), server, History(2.0, 2.0))
    assert (found.verdict, server.connections, after.queries[0].stored) == (Verdict.UNJUDGED, 0, None)
    assert "2 of the 5 recorded runs needed; with 5, this sees +19.3% or more" in found.message
    after, (found,) = compared(held(), evidence(), server, History(2.0, 2.0, records=True))
    assert (found.verdict, after.queries[0].stored is not None) == (Verdict.UNJUDGED, True)


@pytest.mark.parametrize(
    ("now", "server", "disturbed", "words"),
    [
        (statement(), Server(lambda sql, n: 0.002), "coverage watches", "coverage watches"),
        (statement("DELETE FROM orders"), Server(lambda sql, n: 0.002), None, "latency.writes = true times it"),
        (statement(), Server(lambda sql, n: 0.002, differs="it gave 0 rows"), None, "it gave 0 rows"),
        (statement(), Server(lambda sql, n: 0.002, fails="no such table"), None, "executed again: no such table"),
    ],
    ids=["disturbed", "writes", "differs", "fails"],
)
def test_what_cannot_be_measured_is_unjudged(now: Statement, server: Server, disturbed: str | None, words: str) -> None:
    after, (found,) = compared(held(), evidence(now), server, SIX, disturbed)
    assert (found.verdict, after.queries[0].stored) == (Verdict.UNJUDGED, None)
    assert found.message.endswith(words)


def test_where_quiet_cannot_be_had_each_statement_is_unjudged(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> Any:
        raise DisturbedError("tests of other workers did not end")

    server = Server(lambda sql, n: 0.002)
    monkeypatch.setattr(server, "undisturbed", refused)
    _, found = compared(held(), evidence(statement(), statement(OTHER, "count")), server, SIX)
    assert [one.message for one in found] == ["latency.baseline: tests of other workers did not end"] * 2


def test_the_strictest_of_what_concerns_a_statement_is_held() -> None:
    keys = {"latency": {"baseline": "50%"}, "query": {"recent": {"latency": {"baseline": "20%"}}}}
    budget = inline(keys, At("x.toml", 1), "orders.x")
    server = Server(lambda sql, n: 0.0026)
    assert [one.verdict for one in compared(budget, evidence(), server, SIX)[1]] == [Verdict.REGRESSED]
    assert compared(replace(budget, queries={}), evidence(), server, SIX)[1] == ()


def finished(verdict: Verdict, code: str = "latency.baseline", outcome: str = "passed") -> TestResult:
    now = evidence()
    stored = Stored(2.0, 120, "cpu", "same", "", 6)
    timed = replace(now, queries=tuple(replace(query, stored=stored) for query in now.queries))
    return TestResult(now.test, now.budget, outcome, verdict, (Finding(code, verdict, "x"),), timed)


def not_timed(code: str) -> TestResult:
    now = evidence()
    return TestResult(now.test, now.budget, "passed", Verdict.UNJUDGED, (Finding(code, Verdict.UNJUDGED, "x"),), now)


def options(folder: Path, **values: Any) -> Options:
    given = {"ci": "GITHUB_ACTIONS is set", "timings": folder / "timings", "timings_branch": "main"}
    return Options(folder, "1234567890", **(given | values))


@pytest.fixture
def on_main(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_EVENT_PATH", "GITHUB_EVENT_NAME", "GITHUB_REF_TYPE", "GITHUB_SHA", "CI_DEFAULT_BRANCH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GITHUB_REF_NAME", "main")


@pytest.mark.usefixtures("on_main")
def test_a_run_of_the_default_branch_leaves_its_figures(tmp_path: Path) -> None:
    asked = options(tmp_path)
    said = record(asked, [finished(Verdict.SAME)], "2026-01-01T10:00:00+00:00", partial=None)
    assert said == (
        "times of 1 statement were recorded in timings: GITHUB_ACTIONS is set; this run is of main (GITHUB_REF_NAME), "
        "the default branch (timings_branch)",
    )
    (run,) = Runs(asked.timings, tmp_path).read()
    assert (run.machine, [one.figure for one in run.tests["test_shop.py::test_x"]]) == ("cpu", [2.0])


@pytest.mark.usefixtures("on_main")
@pytest.mark.parametrize(
    ("found", "values", "partial", "said"),
    [
        (finished(Verdict.SAME), {"ci": None}, None, None),
        (finished(Verdict.SAME), {}, "paths were given", "the run was not complete: paths were given"),
        (finished(Verdict.SAME), {"timings_branch": "trunk"}, None, "this run is of main (GITHUB_REF_NAME), and trunk"),
        (finished(Verdict.OVER, "work.buffers", "failed"), {}, None, "every test that was timed has failed"),
        (finished(Verdict.SAME, outcome="failed"), {}, None, "every test that was timed has failed"),
        (not_timed(KEY), {}, None, "no statement was timed"),
        (not_timed(KEY), {"timings_branch": "trunk"}, None, "this run is of main (GITHUB_REF_NAME), and trunk"),
        (not_timed("latency.p50"), {}, None, None),
    ],
    ids=["laptop", "in part", "another branch", "over a budget", "failed", "unjudged", "unknown", "not asked"],
)
def test_any_other_run_leaves_none(
    tmp_path: Path, found: TestResult, values: dict[str, Any], partial: str | None, said: str | None
) -> None:
    lines = record(options(tmp_path, **values), [found], "2026-01-01T10:00:00+00:00", partial=partial)
    assert [line.startswith(f"times were not recorded: {said}") for line in lines] == ([True] if said else [])
    assert not (tmp_path / "timings").exists()


@pytest.mark.usefixtures("on_main")
def test_what_the_default_branch_is_too_slow_by_is_recorded(tmp_path: Path) -> None:
    """It was merged: the runs that follow are held to what is there."""
    found = finished(Verdict.REGRESSED, outcome="failed")
    assert "were recorded" in record(options(tmp_path), [found], "2026-01-01T10:00:00+00:00", partial=None)[0]
