"""What a call is, how clients call, and what is said where that cannot be. No decision here depends on a clock."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace

import psycopg
import pytest

from pytest_perfbudget.budgets.budget import Budget, Limit
from pytest_perfbudget.errors import At, DisturbedError
from pytest_perfbudget.measure.regression import APART
from pytest_perfbudget.measure.sampling import Cap
from pytest_perfbudget.model import Environment, QueryEvidence, Statement, TestEvidence
from pytest_perfbudget.model.resources import Shared
from pytest_perfbudget.session import load
from pytest_perfbudget.session.load import _Clients, measure_load, replayed

AT = At("budgets/orders.toml", 2)
ENVIRONMENT = Environment("18.0", 18, "deterministic", "embedded", "C.UTF-8", 8192, jit=False)
LIMITS = {
    "throughput.min": Limit("throughput.min", 1e-6, "calls/s", "…", AT, least=True),
    "cpu.per_call": Limit("cpu.per_call", 1.0, "s", "1 s", AT),
}
BUDGET = Budget("orders.one", AT, limits=LIMITS, clients=3)


class Calls:
    """Counts; each call has a thousandth of a second of CPU time."""

    def __init__(self, differs: str = "") -> None:
        self.count, self.words = 0, differs
        self.threads: set[int] = set()
        self.connection = SimpleNamespace(info=SimpleNamespace(backend_pid=7))

    def __call__(self) -> float:
        self.count += 1
        self.threads.add(threading.get_ident())
        return 0.001

    def differs(self) -> str:
        return self.words


class Place:
    database = "perfbudget_x"

    def __init__(self, differs: str = "", error: Exception | None = None) -> None:
        self.differs, self.error = differs, error
        self.opened: list[Calls] = []
        self.asked: list[Sequence[Statement]] = []
        self.said: list[str] = []

    @contextmanager
    def progress(self, what: str) -> Iterator[None]:
        self.said.append(what)
        yield

    @contextmanager
    def undisturbed(self) -> Iterator[float]:
        if self.error:
            raise self.error
        yield 100.0

    @contextmanager
    def calling(self, statements: Sequence[Statement]) -> Iterator[Calls]:
        self.asked.append(statements)
        self.opened.append(Calls(self.differs))
        yield self.opened[-1]


class Neighbours:
    """Had what is put into ``had``."""

    had = Shared()

    def watch(self) -> Callable[[], Shared]:
        return lambda: self.had


@pytest.fixture(autouse=True)
def neighbours(monkeypatch: pytest.MonkeyPatch) -> type[Neighbours]:
    monkeypatch.setattr(load, "neighbours", lambda place: Neighbours())
    monkeypatch.setattr(Neighbours, "had", Shared())
    return Neighbours


@pytest.fixture(autouse=True)
def clocks(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, str]]:
    """The CPU clock of a backend is that of the calls; who asks for one is noted."""
    asked: list[tuple[int, str]] = []
    readings = iter(n * 0.001 for n in range(10**9))

    def cpu_clock(backend: int, database: str) -> object:
        asked.append((backend, database))
        return lambda: next(readings)

    monkeypatch.setattr(load, "cpu_clock", cpu_clock)
    return asked


@pytest.fixture(autouse=True)
def kept(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What is kept on which processor, and when no more."""
    noted: list[object] = []

    @contextmanager
    def in_turn(backend: int, database: str, number: int) -> Iterator[None]:
        noted.append(f"{backend} {database} {number}")
        yield
        noted.append(f"{number} free")

    monkeypatch.setattr(load, "in_turn", in_turn)
    monkeypatch.setattr(load, "sleep", noted.append)
    return noted


def evidence(*statements: Statement) -> TestEvidence:
    queries = tuple(
        QueryEvidence(one.sql, one.sql, None, 1, (), (), None, 0.0, executions=(one,)) for one in statements
    )
    return TestEvidence("test_one", "orders.one", queries, {}, ENVIRONMENT)


STEERING = [Statement(sql) for sql in ("BEGIN", "SET LOCAL work_mem = '64MB'", "SAVEPOINT s", "RELEASE s", "COMMIT")]
READS = evidence(*STEERING, Statement("SELECT 1"), Statement("SELECT 2"))


def test_a_call_is_what_the_test_read() -> None:
    assert [one.sql for one in replayed(READS)] == ["SELECT 1", "SELECT 2"]


@pytest.mark.parametrize(
    ("statements", "why"),
    [
        ([Statement("SELECT 1"), Statement("DELETE FROM t")], "the test writes, and is not repeated: DELETE FROM t"),
        ([Statement("SELECT 1", error="57014")], "a statement of the test failed (57014): SELECT 1"),
        ([Statement("BEGIN")], "the test executed no statement that reads"),
        *(
            (
                [Statement("SELECT 1"), Statement(sql)],
                f"{word} is not repeated, and without it another call than the test's would be measured: {sql}",
            )
            for word, sql in (
                ("DECLARE", "DECLARE c CURSOR FOR SELECT 1"),
                ("FETCH", "FETCH 100 FROM c"),
                ("COPY", "/* shop */ COPY orders TO STDOUT"),
                ("CALL", "CALL settle(7)"),
                ("CREATE", "CREATE TEMP TABLE t AS SELECT 1"),
            )
        ),
    ],
)
def test_another_test_than_that_is_not_measured(statements: list[Statement], why: str) -> None:
    seen, findings = measure_load(BUDGET, evidence(*statements), Place())
    assert seen.used == ()
    assert [f"{f.verdict}: {f.message}" for f in findings] == [f"unjudged: {key}: {why}" for key in LIMITS]


def test_as_many_clients_as_the_budget_says_call_at_once(clocks: list[tuple[int, str]]) -> None:
    place = Place()
    seen, findings = measure_load(BUDGET, READS, place)
    assert findings == ()
    assert [used.key for used in seen.used] == ["throughput.min", "cpu.per_call"]
    assert seen.used[0].note.startswith("n=6 rounds, 3 clients, at least ")
    clients, backend = place.opened[:3], place.opened[3:]
    assert len({one.count for one in clients}) == 1
    assert all(threading.get_ident() not in one.threads for one in clients)
    assert (len(backend), clocks) == (1, [(7, "perfbudget_x")])
    assert {tuple(one.sql for one in asked) for asked in place.asked} == {("SELECT 1", "SELECT 2")}
    assert place.said == ["measuring throughput.min with 3 clients", "measuring cpu.per_call"]


@pytest.mark.parametrize(("others", "verdict"), [(0.0, "over"), (1.5, "unjudged")])
def test_what_is_too_slow_is_so_beside_no_neighbour(neighbours: type[Neighbours], others: float, verdict: str) -> None:
    """Calls of the fake take no time: what is asked for are a thousand times as many as were seen."""
    neighbours.had = Shared(busy=1.5001, others=others, of=3.0)
    limit = Limit("throughput.min", 1e9, "calls/s", "…", AT, least=True)
    seen, (finding,) = measure_load(Budget("orders.one", AT, limits={limit.key: limit}), READS, Place())
    assert (finding.verdict, [one.key for one in seen.used]) == (verdict, ["throughput.min"])
    assert ("others had 50% of the processors' time meanwhile" in finding.message) is (verdict == "unjudged")


def test_each_backend_is_kept_on_the_next_processor_alone(kept: list[object]) -> None:
    limit = Limit("cpu.per_call", 1e-9, "s", "1 ns", AT)
    _, (finding,) = measure_load(Budget("orders.one", AT, limits={limit.key: limit}), READS, Place())
    assert finding.verdict == "over"
    pause = kept.index(APART)
    assert kept[:4] == ["7 perfbudget_x 0", "0 free", "7 perfbudget_x 1", "1 free"]
    assert (kept[pause - 1], kept[-1]) == ("7 perfbudget_x 7", "15 free")


def test_a_budget_without_such_limits_connects_to_nothing() -> None:
    place = Place()
    assert measure_load(Budget("orders.one", AT), READS, place) == (READS, ())
    assert place.opened == []


def test_what_slows_the_client_leaves_the_cpu_time_of_the_backend() -> None:
    seen, findings = measure_load(BUDGET, READS, Place(), "the run is under --pdb")
    assert [used.key for used in seen.used] == ["cpu.per_call"]
    assert [f.message for f in findings] == ["throughput.min: the run is under --pdb"]


@pytest.mark.parametrize(
    ("place", "why"),
    [
        (Place(differs="it gave 0 rows"), "it gave 0 rows"),
        (Place(error=DisturbedError("no quiet")), "no quiet"),
        (Place(error=psycopg.OperationalError("too many clients\nDETAIL")), "could not be executed again: too many"),
    ],
)
def test_what_stands_against_it_is_said(place: Place, why: str) -> None:
    _, findings = measure_load(BUDGET, READS, place)
    assert len(findings) == 2
    for finding in findings:
        assert finding.verdict == "unjudged"
        assert why in finding.message


def test_a_round_is_the_same_number_of_calls_for_each_client() -> None:
    from concurrent.futures import ThreadPoolExecutor

    calls = [Calls(), Calls()]
    with ThreadPoolExecutor(2) as threads:
        clients = _Clients(calls, threads)
        clients.warm(Cap(math.inf))
        before = [one.count for one in calls]
        assert clients._round(5) > 0
    assert [one.count - was for one, was in zip(calls, before, strict=True)] == [5, 5]
    assert before[0] == before[1] > 1
