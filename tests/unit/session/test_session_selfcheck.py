"""Which statements of a suite are replayed, and which not."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from pytest_perfbudget.baselines.record import QueryRecord
from pytest_perfbudget.errors import SettingsError
from pytest_perfbudget.measure.rounds import Connected
from pytest_perfbudget.measure.trials import Trial
from pytest_perfbudget.model import Statement
from pytest_perfbudget.model.resources import Scheduled
from pytest_perfbudget.session.against.child import NoReferenceError
from pytest_perfbudget.session.against.parcel import Given, GivenQuery, GivenTest, Order
from pytest_perfbudget.session.options import Options
from pytest_perfbudget.session.selfcheck import replay as replaying
from pytest_perfbudget.session.selfcheck import suite
from pytest_perfbudget.session.selfcheck.replay import Replayed, replay
from pytest_perfbudget.session.selfcheck.suite import Sent, statements

READ = "SELECT id FROM orders WHERE id = $1"


def given(*sent: Statement, failed: str = "", writes: bool = False) -> Given:
    queries = tuple(GivenQuery(QueryRecord("x", one.sql, (), 0.0), one, writes) for one in sent)
    return Given({"test_x.py::test_x": GivenTest("orders.x", queries, failed)})


def test_one_text_with_its_parameters_is_replayed_once() -> None:
    """Each by a name of its own: trials are kept by it."""
    sent = [Statement(READ, (value,), case=case) for value, case in ((b"1", None), (b"1", "one"), (b"2", "two"))]
    found, why = statements(given(*sent))
    assert [one.statement.params for one in found] == [(b"1",), (b"2",)]
    assert [one.name for one in found] == [f"test_x.py::test_x: {READ}", f"test_x.py::test_x case two: {READ}"]
    assert why == {}


@pytest.mark.parametrize(
    ("handed", "why"),
    [
        (given(Statement("UPDATE orders SET id = 1")), {"test_x.py::test_x: UPDATE orders SET id = 1": "it writes"}),
        (given(Statement("SELECT write()"), writes=True), {"test_x.py::test_x: SELECT write()": "it writes"}),
        (given(Statement(READ, error="no")), {f"test_x.py::test_x: {READ}": "it failed: no"}),
        (given(failed="fails: assert 1 == 2\n  more"), {"test_x.py::test_x": "fails: assert 1 == 2"}),
        (given(Statement("BEGIN")), {}),
    ],
    ids=["a write", "a function that writes", "an error", "a failed test", "no statement with a plan"],
)
def test_what_is_not_replayed_has_its_reason(handed: Given, why: dict[str, str]) -> None:
    assert statements(handed) == ([], why)


def test_a_suite_that_does_not_run_is_said_with_the_last_of_its_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(command: list[str], told: str, folder: Path, environment: dict[str, str], order: Order) -> Given:
        assert (order.tests, order.top, "DATABASE_URL" in environment) == (None, "", False)
        assert command[-1] == "tests"
        raise NoReferenceError("its run of pytest ended with exit code 4", remedy="usage: pytest\nno such option: -x\n")

    monkeypatch.setattr(suite.child, "run", run)
    monkeypatch.setenv("DATABASE_URL", "postgresql://production")
    with pytest.raises(SettingsError, match="the run of pytest ended with exit code 4: no such option: -x"):
        suite.run(Options(tmp_path, "r", env=("DATABASE_URL",)), ["tests"])


@pytest.mark.parametrize(
    ("costs", "seconds", "kept"),
    [([1.0, 1.0, 1.0], 3.0, 3), ([1.0, 1.0, 1.0], 2.5, 2), ([1.0, 50.0, 1.0], 3.0, 2), ([5.0], 3.0, 0)],
)
def test_as_many_as_there_is_time_for(costs: list[float], seconds: float, kept: int) -> None:
    sent = [Sent("t", "b", Statement(f"SELECT {number}")) for number in range(len(costs))]
    found = Replayed()
    priced = {one.name: cost for one, cost in zip(sent, costs, strict=True)}
    chosen = replaying._affordable(sent, priced, seconds, found)
    assert len(chosen) == kept
    assert chosen == [one for one in sent if one in chosen]
    assert found.why.keys() == {one.name for one in sent if one not in chosen}
    assert all(words.startswith("no time left: 10 trials of it take ") for words in found.why.values())


class Again:
    """A statement executed again, which gives other rows than in the test if ``differs``."""

    def __init__(self, connection: object, statement: Statement) -> None:
        self._differs = "it gave 0 rows" if "gone" in statement.sql else ""

    def __call__(self) -> float:
        return 1e-6

    def differs(self) -> str:
        return self._differs


def test_what_gives_other_rows_or_breaks_off_has_no_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    """The third trial is cut off: the two before it are of no use without it."""

    def trials(connected: object, order: object) -> dict[str, Trial]:
        if len(done) == 2:
            raise psycopg.OperationalError("the server has gone\nand more")
        done.append(1)
        return dict.fromkeys(connected.pairs, Trial([], [], [], []))  # type: ignore[attr-defined]

    done: list[int] = []
    end = SimpleNamespace(connection=SimpleNamespace(info=SimpleNamespace(backend_pid=1)))
    monkeypatch.setattr(replaying.OneConnection, "connect", lambda self: nullcontext((end, end)))
    monkeypatch.setattr(replaying, "Replay", Again)
    monkeypatch.setattr(replaying, "_references", lambda layout: 0.0)
    monkeypatch.setattr(replaying, "scheduled", lambda backend, database: nullcontext(Scheduled))
    monkeypatch.setattr(replaying, "_cpu", lambda layout, one, found: None)
    monkeypatch.setattr(replaying.Waiting, "waited", lambda self, rounds: [])
    monkeypatch.setattr(replaying, "beside", lambda ends, sides: Connected(dict.fromkeys(sides), None))  # type: ignore[arg-type]
    monkeypatch.setattr(replaying, "trials_of", trials)
    server: Any = None
    sent = [Sent("t", "b", Statement(sql)) for sql in ("SELECT 1", "SELECT gone")]
    found = replay(server, "database", sent, 100.0)
    assert found.trials == {}
    assert found.why == {"t: SELECT gone": "it gave 0 rows", "t: SELECT 1": "broken off: the server has gone"}


def test_a_statement_that_fails_now_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(self: object) -> Any:
        raise psycopg.OperationalError("the connection is lost\nand more")

    monkeypatch.setattr(replaying.OneConnection, "connect", connect)
    monkeypatch.setattr(replaying, "_references", lambda layout: 0.0)
    server: Any = None
    found = replay(server, "database", [Sent("t", "b", Statement(READ))], 1.0)
    assert (found.trials, found.why) == (
        {}, {f"t: {READ}": "it could not be executed again: the connection is lost"}
    )  # fmt: skip
