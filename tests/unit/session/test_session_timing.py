"""What is timed, and what is said of it. Durations are injected: no decision here depends on how long anything took."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from types import SimpleNamespace

import psycopg
import pytest

from pytest_perfbudget.budgets.budget import Budget, Limit
from pytest_perfbudget.errors import At, DisturbedError
from pytest_perfbudget.measure.calibration import REFERENCES
from pytest_perfbudget.model import Environment, QueryEvidence, Statement, TestEvidence
from pytest_perfbudget.model.resources import Scheduled, Shared
from pytest_perfbudget.session import timing
from pytest_perfbudget.session.timing import capped, time_queries

AT = At("budgets/orders.toml", 2)
ENVIRONMENT = Environment("18.0", 18, "deterministic", "embedded", "C.UTF-8", 8192, jit=False)


class Calls:
    """Executions that take what the test says, on a connection whose backend is never found."""

    def __init__(self, seconds: float, differs: str) -> None:
        self.seconds, self.words = seconds, differs
        self.replays = [self]
        self.connection = SimpleNamespace(info=SimpleNamespace(backend_pid=0))

    def __call__(self) -> float:
        return self.seconds

    def differs(self) -> str:
        return self.words

    def another(self, sql: str) -> Callable[[], float]:
        return lambda: 2 * REFERENCES[sql]

    def states(self, last: int) -> dict[str, int]:
        return {"generic": last}


class Place:
    """Gives a connection for each of ``durations``."""

    database = "perfbudget_none"

    def __init__(self, *durations: float, differs: str = "", error: Exception | None = None) -> None:
        self.durations, self.differs, self.error = list(durations), differs, error
        self.undone: list[bool] = []
        self.said: list[str] = []

    @contextmanager
    def progress(self, what: str) -> Iterator[None]:
        self.said.append(what)
        yield

    @contextmanager
    def undisturbed(self) -> Iterator[float]:
        if isinstance(self.error, DisturbedError):
            raise self.error
        yield 100.0

    @contextmanager
    def calling(self, statements: Sequence[Statement], *, undo: bool) -> Iterator[Calls]:
        if self.error:
            raise self.error
        self.undone.append(undo)
        yield Calls(self.durations.pop(0), self.differs)


@pytest.fixture(autouse=True)
def others(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Of four seconds that the processors had during each measurement, those of others; one is ours."""
    had = [0.0]
    watched = SimpleNamespace(watch=lambda: lambda: Shared(1 + had[0], had[0], 4.0), sees_server=True)
    monkeypatch.setattr(timing, "neighbours", lambda place: watched)
    return had


@pytest.fixture(autouse=True)
def waits_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """This thread may wait for a processor; its calls take no time that it could be taken from."""
    monkeypatch.setattr(timing, "scheduled", lambda backend, database: nullcontext(Scheduled))


def evidence(sql: str = "SELECT 1", *, writes: bool = False) -> TestEvidence:
    statement = Statement(sql)
    query = QueryEvidence("q", sql, None, 1, (), (), None, 0.0, writes=writes, executions=(statement,))
    return TestEvidence("test_one", "orders.one", (query,), {}, ENVIRONMENT)


def budget(*, writes: bool = False, **seconds: float) -> Budget:
    limits = {f"latency.{name}": Limit(f"latency.{name}", value, "s", "", AT) for name, value in seconds.items()}
    return Budget("orders.one", AT, limits=limits, latency_writes=writes)


def words(place: Place, budget: Budget, evidence: TestEvidence, disturbed: str | None = None) -> list[str]:
    """Verdict and message of each finding."""
    return [f"{f.verdict}: {f.message}" for f in time_queries(budget, evidence, place, disturbed)[1]]


def test_within_says_nothing_and_is_in_the_evidence() -> None:
    place = Place(0.001)
    timed, findings = time_queries(budget(p95=0.002), evidence(), place)
    latency = timed.queries[0].latency
    assert findings == ()
    assert (latency.n, latency.p95, latency.states) == (96, 0.001, {"generic": 96})
    assert latency.calibration == pytest.approx(2)
    assert place.said == ["timing SELECT 1"]


def test_over_is_confirmed_on_a_second_connection() -> None:
    (finding,) = time_queries(budget(p50=0.002), evidence(), Place(0.003, 0.004))[1]
    assert (finding.verdict, finding.measured, finding.allowed) == ("over", 0.003, 0.002)
    assert finding.note == "n=12, at least 3 ms, noise ±0 µs"
    unsure = words(Place(0.003, 0.001), budget(p50=0.002), evidence())
    assert unsure == [
        "unjudged: latency.p50: beyond once (n=12: p50 between 3 ms and 3 ms), on a fresh connection within "
        "(n=6: p50 at most 1 ms)"
    ]


@pytest.mark.parametrize(("whole", "narrowed"), [(0.002, 0.01), (0.01, 0.002)])
def test_the_strictest_limit_that_concerns_a_statement_is_held(whole: float, narrowed: float) -> None:
    both = replace(budget(p50=whole), queries={"recent": budget(p50=narrowed)})
    named = replace(evidence(), queries=(replace(evidence().queries[0], names=frozenset({"recent"})),))
    (finding,) = time_queries(both, named, Place(0.005, 0.005))[1]
    assert (finding.verdict, finding.allowed) == ("over", 0.002)


def test_what_was_waited_for_a_processor_confirms_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    spent = iter(range(1_000_000))
    monkeypatch.setattr(
        timing, "scheduled", lambda backend, database: nullcontext(lambda: Scheduled(next(spent) * 0.0025))
    )
    (said,) = words(Place(0.003, 0.003), budget(p50=0.002), evidence())
    assert said == (
        "unjudged: latency.p50: beyond once (n=12: p50 between 3 ms and 3 ms), on a fresh connection, without the "
        "83.3% of the time that it waited for a processor, which others had, within (n=6: p50 at most 500 µs)"
    )


def test_what_neighbours_explain_is_not_over(others: list[float]) -> None:
    """They may have slowed what ran, the median at most three times, as what waited for them is left out."""
    others[0] = 0.5
    (said,) = words(Place(0.003, 0.0039), budget(p50=0.002), evidence())
    assert said.endswith("between 3.9 ms and 3.9 ms, but others had 12.5% of the processors' time meanwhile)")
    assert words(Place(0.003, 0.0041), budget(p50=0.002), evidence()) == ["over: p50"]
    others[0] = 3.0
    assert words(Place(0.003, 0.0061), budget(p50=0.002), evidence()) == ["over: p50"]
    (said,) = words(Place(0.003, 0.0061), budget(p95=0.002), evidence())
    assert said.startswith("unjudged: latency.p95: beyond once")


def test_what_a_server_elsewhere_waits_for_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = SimpleNamespace(watch=lambda: lambda: Shared(4.0, 3.0, 4.0), sees_server=False)
    monkeypatch.setattr(timing, "neighbours", lambda place: watched)
    (said,) = words(Place(0.003, 0.0139), budget(p50=0.002), evidence())
    assert said.startswith("unjudged: latency.p50: beyond once")


def test_nothing_is_executed_where_something_disturbs() -> None:
    assert words(Place(), budget(p50=1.0), evidence(), "the run is under --pdb") == [
        "unjudged: latency.p50: the run is under --pdb"
    ]
    assert words(Place(error=DisturbedError("no quiet")), budget(p50=1.0, p95=1.0), evidence()) == [
        "unjudged: latency.p50: no quiet",
        "unjudged: latency.p95: no quiet",
    ]


def test_a_statement_that_writes_is_timed_on_request_and_undone() -> None:
    writes = evidence("UPDATE orders SET n = 1", writes=True)
    assert words(Place(), budget(p50=1.0), writes) == [
        "unjudged: latency.p50: the statement writes; latency.writes = true times it"
    ]
    place = Place(0.001)
    assert words(place, budget(p50=1.0, writes=True), writes) == []
    assert place.undone == [True]


def test_a_limit_that_nothing_is_held_to_is_said() -> None:
    """A server-side cursor is planned and not executed again; of BEGIN nothing is."""
    cursor = Statement("DECLARE c CURSOR FOR SELECT 1", fetched="cursor")
    (read,) = evidence().queries
    streamed = replace(evidence(), queries=(replace(read, executions=(cursor,)),))
    assert words(Place(), budget(p50=1.0), streamed) == [
        "unjudged: latency.p50: only SELECT, INSERT, UPDATE, DELETE and MERGE are timed, not DECLARE"
    ]
    begin = replace(read, id="b", executions=(Statement("BEGIN"),))
    nothing = "none of its statements is planned: there is nothing to execute again"
    assert words(Place(), budget(p50=1.0, mean=1.0), replace(evidence(), queries=(begin,))) == [
        f"unjudged: latency.{key}: {nothing}" for key in ("p50", "mean")
    ]
    assert words(Place(0.001), budget(p50=1.0), replace(evidence(), queries=(begin, read))) == []


def test_a_narrowing_that_nothing_is_held_to_is_said_where_it_has_statements() -> None:
    narrowed = {name: budget(p50=1.0) for name in ("begin", "elsewhere")}
    begin = replace(evidence("BEGIN").queries[0], id="b", names=frozenset({"begin"}))
    both = replace(evidence(), queries=(begin, *evidence().queries))
    (said,) = words(Place(), replace(budget(), queries=narrowed), both)
    assert said.startswith("unjudged: latency.p50: none of its statements is planned")


def test_what_is_another_statement_than_in_the_test_is_not_timed() -> None:
    found = words(Place(0.001, differs="it gave 0 rows"), budget(p50=1.0), evidence())
    assert found == ["unjudged: latency.p50: it gave 0 rows"]


def test_an_error_is_told() -> None:
    (found,) = words(Place(error=psycopg.errors.UndefinedTable("no orders\nLINE 1")), budget(p50=1.0), evidence())
    assert found == "unjudged: latency.p50: it could not be executed again: no orders"


def test_the_cap_of_the_run_is_named_where_it_is_the_smaller() -> None:
    assert capped(3.0).words == "the cap of 3 s was"
    assert (capped(0.5).seconds, capped(-0.5).seconds) == (0.5, 0.0)
    assert capped(0.5).words == "the cap of 500 ms, what is left of measure_cap, was"
