"""What ``perfbudget selfcheck`` says of trials; they are made up, no server is asked."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest
from shell import perfbudget
from snapshots import matches

from pytest_perfbudget.cli import selfcheck
from pytest_perfbudget.cli.selfcheck import Checked
from pytest_perfbudget.measure.selfcheck import GATES, Tried, tried
from pytest_perfbudget.measure.trials import ROUNDS, Trial
from pytest_perfbudget.model import Statement
from pytest_perfbudget.session.selfcheck.replay import Replayed
from pytest_perfbudget.session.selfcheck.suite import Sent

SNAPSHOTS = Path(__file__).parent / "snapshots"
RECENT = Sent("test_shop.py::test_recent", "shop.recent", Statement("SELECT id FROM orders WHERE customer_id = $1"))
COUNT = Sent("test_shop.py::test_count", "shop.count", Statement("SELECT count(*) FROM orders"))


def trials(factor: float = 1.0) -> list[Trial]:
    draw = Random(1)

    def series(nominal: float) -> list[float]:
        return [nominal * draw.lognormvariate(0, 0.02) for _ in range(ROUNDS)]

    return [
        Trial(series(0.001), series(0.001 * factor), [(0.0002, 0.0002)] * ROUNDS, [series(0.0005)], 0.0008)
        for _ in range(12)
    ]


def checked(second: float = 1.0) -> Checked:
    replayed = Replayed(
        {RECENT.name: trials(), COUNT.name: trials(second)}, {"test_shop.py::test_close: UPDATE orders": "it writes"}
    )
    tries = [one for gate in GATES if (one := tried(gate, replayed.trials))]
    return Checked("PostgreSQL 18.6 embedded", "One CPU, 2 cores", 12.3, [RECENT, COUNT], replayed, tries)


def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], of: Checked, *words: str
) -> tuple[int, str]:
    from pytest_perfbudget.cli.main import main

    monkeypatch.setattr(selfcheck, "_checked", lambda arguments: of)
    return main(["selfcheck", *words]), capsys.readouterr().out


def test_a_machine_on_which_no_gate_is_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text = run(monkeypatch, capsys, checked())
    assert code == 0
    matches(SNAPSHOTS / "selfcheck_table.txt", text)


def test_a_gate_that_was_wrong_at_the_usual_setting_is_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text = run(monkeypatch, capsys, checked(1.08))
    assert code == 1
    row = next(line for line in text.splitlines() if line.startswith("latency.regress") and "10% *" in line)
    assert row.split()[3:5] == ["24", "12"]
    assert "choose   latency.regress   20%" in text
    assert "wrong most often" in text
    assert COUNT.name in text.partition("wrong most often")[2].partition("not replayed")[0]


def test_the_same_as_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    code, text = run(monkeypatch, capsys, checked(1.08), "--json")
    document = json.loads(text)
    assert code == 1
    assert [one["trials"] for one in document["statements"]] == [12, 12]
    usual = {one["key"]: one for one in document["gates"] if one["usual"]}
    assert usual["latency.regress"]["wrong"] == 12
    assert usual["latency.regress"]["by"] == {COUNT.name: 12}
    assert usual["latency.regress"]["wrong_at_most"] > 0.5
    assert document["choose"]["latency.regress"] == "20%"
    assert document["skipped"] == {"test_shop.py::test_close: UPDATE orders": "it writes"}


@pytest.mark.parametrize("text", ["0", "soon", "-5", "100000"])
def test_a_time_that_is_none_is_refused(text: str) -> None:
    done = perfbudget("selfcheck", f"--time={text}")
    assert done.returncode == 2
    assert f"{text} is not a number of seconds from 1 to 86400" in done.stderr


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ((3, 1), "each was wrong"),
        ((3, 0), "each was wrong, or saw nothing"),
        ((0, 0), "none was wrong, and none sees anything here; 40% undecided at the least"),
    ],
)
def test_why_no_setting_is_chosen(wrong: tuple[int, int], said: str) -> None:
    of_it = [gate for gate in GATES if gate.key == "latency.baseline"]
    tries = [Tried(gate, 50, number, 0.1, 20, None, {}) for gate, number in zip(of_it, wrong, strict=True)]
    lines = list(selfcheck._chosen(tries))
    assert lines[-1] == f"choose   latency.baseline  none of these settings: {said}"
