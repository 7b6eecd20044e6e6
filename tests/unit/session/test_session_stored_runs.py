"""Recorded runs on disk, and what of them a test is held to."""

from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_perfbudget.errors import BaselineError
from pytest_perfbudget.measure.stored import Recorded
from pytest_perfbudget.model import Environment, Site, Statement, TestEvidence
from pytest_perfbudget.session.options import Options
from pytest_perfbudget.session.stored import runs as module
from pytest_perfbudget.session.stored.history import History
from pytest_perfbudget.session.stored.runs import RecordedRun, Runs, Timed, conditions
from pytest_perfbudget.verdict.gather import gather

ENVIRONMENT = Environment("18.6", 18, "deterministic", "embedded", "C.UTF-8", 8192, False)
SQL = "SELECT * FROM orders WHERE id = $1"
TEST = "test_shop.py::test_x"


def evidence(*texts: str, function: str = "recent") -> TestEvidence:
    sent = [Statement(sql, site=Site("app.py", 7, function)) for sql in texts]
    return gather(TEST, "orders.x", sent, ENVIRONMENT)


def timed(figure: float, sql: str = SQL, function: str = "recent") -> Timed:
    (query,) = evidence(sql).queries
    return Timed(query.id, figure, 120, None, f"app.py:{function}")


def run(number: int, *figures: Timed, **values: Any) -> RecordedRun:
    given = RecordedRun(
        at=f"2026-01-{number:02}T10:00:00+00:00",
        id=f"{number:032x}"[::-1],
        commit="c0ffee",
        conditions=conditions(ENVIRONMENT),
        machine="cpu",
        by="GITHUB_ACTIONS is set",
        tests={TEST: figures},
    )
    return replace(given, **values)


def recorded(folder: Path, *lasting: RecordedRun) -> Runs:
    found = Runs(folder / "timings", folder)
    for one in lasting:
        found.append(one)
    return found


def test_what_was_appended_is_read_oldest_first(tmp_path: Path) -> None:
    second, first = run(2, timed(1.1)), run(1, timed(1.0))
    assert recorded(tmp_path, second, first).read() == (first, second)
    assert Runs(tmp_path / "nowhere", tmp_path).read() == ()


def test_runs_are_ordered_by_their_time_wherever_they_were(tmp_path: Path) -> None:
    second, first = "2026-01-01T05:00:00-04:00", "2026-01-01T10:00:00+02:00"  # 9 and 8 o'clock
    found = recorded(tmp_path, run(1, at=second, id="a"), run(1, at=first, id="b")).read()
    assert [one.at for one in found] == [first, second]


def test_the_folder_keeps_itself_out_of_git(tmp_path: Path) -> None:
    recorded(tmp_path, run(1, timed(1.0)))
    assert (tmp_path / "timings" / ".gitignore").read_text().endswith("\n*\n")


def test_the_oldest_of_too_many_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT", 2)
    kept = recorded(tmp_path, *(run(number, timed(1.0)) for number in (1, 2, 3))).read()
    assert [one.at[8:10] for one in kept] == ["02", "03"]


@pytest.mark.parametrize(
    ("contents", "said"),
    [("{", "is no recorded run"), ('{"at": 1}', "is no recorded run"), ("", "is no recorded run")],
)
def test_a_file_that_is_no_run_is_named_with_the_way_out(tmp_path: Path, contents: str, said: str) -> None:
    runs = recorded(tmp_path, run(1, timed(1.0)))
    (tmp_path / "timings" / "20260101.json").write_text(contents)
    with pytest.raises(BaselineError, match=said) as caught:
        runs.read()
    assert str(caught.value.at) == "timings/20260101.json"
    assert caught.value.remedy.startswith("delete it")


def test_a_file_of_another_format_is_not_guessed_at(tmp_path: Path) -> None:
    runs = recorded(tmp_path, run(1, timed(1.0), format=2))
    with pytest.raises(BaselineError, match="is of format 2, this version reads 1"):
        runs.read()


def test_a_full_disk_leaves_no_half_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(BaselineError, match="cannot be written: No space left on device"):
        recorded(tmp_path, run(1, timed(1.0)))
    assert [path.name for path in (tmp_path / "timings").iterdir()] == [".gitignore"]


def history(folder: Path, *lasting: RecordedRun, ci: str | None = None) -> History:
    recorded(folder, *lasting)
    return History(Options(folder, "r", timings=folder / "timings", ci=ci, timings_branch="main"))


def test_a_statement_is_held_to_its_own_figures(tmp_path: Path) -> None:
    now = evidence(SQL, "SELECT 2 FROM orders")
    found = history(
        tmp_path, run(1, timed(1.0), timed(9.0, "SELECT 2 FROM orders")), run(2, timed(1.1), machine="other")
    ).of(TEST, now.queries, ENVIRONMENT)
    first, second = (query.key for query in now.queries)
    assert found[first] == (Recorded(1.0, "cpu"), Recorded(1.1, "other"))
    assert found[second] == (Recorded(9.0, "cpu"),)


def test_an_edited_statement_keeps_its_history(tmp_path: Path) -> None:
    """The runs before the edit know the old text, those after it the new one."""
    edited = SQL + " LIMIT 5"
    now = evidence(edited)
    found = history(tmp_path, run(1, timed(1.0)), run(2, timed(1.2, edited))).of(TEST, now.queries, ENVIRONMENT)
    assert [one.figure for one in found[now.queries[0].key]] == [1.0, 1.2]


@pytest.mark.parametrize(
    "other",
    [{"major": 17}, {"profile": "web"}, {"server": "container"}, {"locale": "C"}],
    ids=["major", "profile", "server", "locale"],
)
def test_runs_under_other_conditions_do_not_count(tmp_path: Path, other: dict[str, Any]) -> None:
    now = evidence(SQL)
    elsewhere = run(1, timed(1.0), conditions=conditions(replace(ENVIRONMENT, **other)))
    assert history(tmp_path, elsewhere).of(TEST, now.queries, ENVIRONMENT) == {now.queries[0].key: ()}


def test_a_minor_release_and_another_seed_are_the_same_conditions() -> None:
    assert conditions(replace(ENVIRONMENT, version="18.7", seed="x", schema="y")) == conditions(ENVIRONMENT)


def test_a_test_that_was_not_recorded_has_no_figures(tmp_path: Path) -> None:
    now = evidence(SQL)
    assert history(tmp_path, run(1, timed(1.0))).of("another", now.queries, ENVIRONMENT) == {now.queries[0].key: ()}


def test_a_laptop_records_nothing_whatever_its_branch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_REF_NAME", "main")
    for name in ("GITHUB_EVENT_PATH", "GITHUB_EVENT_NAME", "GITHUB_REF_TYPE", "GITHUB_SHA", "CI_DEFAULT_BRANCH"):
        monkeypatch.delenv(name, raising=False)
    assert history(tmp_path, ci="CI is set").records
    assert not history(tmp_path, ci=None).records
    monkeypatch.setenv("GITHUB_REF_NAME", "fix")
    assert not history(tmp_path, ci="CI is set").records
