"""``--perf-against``: a commit against another, by real runs; what the clock says is made up."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import TWO, Outcome, Shop
from snapshots import matches

from pytest_perfbudget.measure.paired import FRESH_PAIRS as FRESH
from pytest_perfbudget.measure.paired import LOOKS
from pytest_perfbudget.session.against.layouts import FRESH_PAIRS, PINNED, TWO_SCHEMAS

SNAPSHOTS = Path(__file__).parent / "snapshots"
CLOCK = """
import pytest_perfbudget.measure.regression as regression
import pytest_perfbudget.session.against.compare as compare
from pytest_perfbudget.session.against.sides import Execute

regression.APART = 0.0
compare.perf_counter = lambda: 0.0
executed = Execute.__call__

def by_its_text(self):
    if self.undo:  # as before anything is timed, and writes
        executed(self)
        if self.taken:
            self.taken.pop()
    sql = self.replay._statement.sql
    seconds = 0.002 * (1.2 if "slower" in sql else 0.8 if "faster" in sql else 1.0)
    if self.taken is not None:
        self.taken.append(seconds)
    return seconds

Execute.__call__ = by_its_text
"""
REGRESS = '[suite]\nlatency.regress = "10%"\n'


class Repository(Shop):
    """The shop as a git checkout, its first commit being ``main``."""

    def git(self, *words: str) -> str:
        who = ("-c", "user.name=shop", "-c", "user.email=shop@example.org")
        done = subprocess.run(["git", *who, *words], cwd=self.path, capture_output=True, text=True, check=True)
        return done.stdout

    def commit(self) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "a commit")

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.path / name
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    def against(self, *arguments: str, ref: str = "main") -> Outcome:
        return self.run(f"--perf-against={ref}", *arguments)


@pytest.fixture
def shop(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, server_cache: str) -> Iterator[Repository]:
    repository = Repository(pytester, monkeypatch, server_cache)
    repository.write(**{"conftest.py": CLOCK, ".gitignore": "__pycache__\nperf.json\n"})
    repository.edit("budgets/orders.toml", "\n[recent]", f"{REGRESS}\n[recent]")
    repository.git("init", "-q", "-b", "main")
    repository.commit()
    yield repository
    assert len(repository.git("worktree", "list").splitlines()) == 1


def compared(done: Outcome) -> list[dict[str, Any]]:
    return [query["against"] for test in done.report["tests"] for query in test["queries"] if query["against"]]


def test_an_edited_statement_that_is_slower_fails_with_what_was_measured(shop: Repository) -> None:
    shop.record()
    shop.edit("shop.py", "SELECT id, total FROM orders", "SELECT id, total AS slower FROM orders")
    done = shop.against("--perf-update")
    assert done.code == 1, done.text
    text = done.text.partition("perfbudget  orders.recent")[2].partition("perfbudget: 0 of")[0]
    matches(SNAPSHOTS / "slower.txt", re.sub(r"\b[0-9a-f]{10}\b", "COMMIT", text))
    (against,) = compared(done)
    assert (against["verdict"], against["gated"]) == ("regressed", True)
    assert (against["old_p50_ms"], against["new_p50_ms"]) == (2.0, 2.4)
    assert against["first"]["change"] == against["again"]["change"] == pytest.approx(0.2)
    assert "420 rounds saved" in done.text


def test_what_did_not_change_is_reported_and_a_write_is_timed_and_undone(shop: Repository) -> None:
    shop.append("budgets/orders.toml", "\n[close]\nlatency.writes = true\nlatency.always = true\n")
    shop.write(**{"test_shop.py": TWO})
    shop.commit()
    shop.append("shop.py", "# another comment\n")
    done = shop.against("-n2", ref="HEAD")
    assert done.code == 0, done.text
    assert {(one["verdict"], one["gated"]) for one in compared(done)} == {("same", False), ("same", True)}
    assert "1 reported only: nothing but the clock can have changed" in done.text


def test_another_schema_stands_beside_ours_in_one_database(shop: Repository) -> None:
    shop.append("schema.sql", "ALTER TABLE orders ADD note text DEFAULT 'n';\n")
    shop.edit("shop.py", "SELECT id, total FROM orders", "SELECT id, note AS faster FROM orders")
    done = shop.against()
    assert done.code == 0, done.text
    (against,) = compared(done)
    assert (against["verdict"], against["layout"]) == ("improved", TWO_SCHEMAS)


UNMOVED = "the extension pg_trgm cannot be moved into another schema"
REFUSED = """
import os

def refused(process, processors):
    raise PermissionError(1, "Operation not permitted")

os.sched_setaffinity = refused
"""


def unmoved(shop: Repository) -> dict[str, Any]:
    """A slower statement, its tables in a database of their own; how it was compared."""
    shop.append("schema.sql", "CREATE EXTENSION pg_trgm;\n")
    shop.commit()
    shop.lose_index()
    shop.edit("shop.py", "SELECT id, total FROM orders", "SELECT id, total AS slower FROM orders")
    done = shop.against(ref="HEAD")
    assert done.code == 1, done.text
    (against,) = compared(done)
    assert against["verdict"] == "regressed"
    return against


@pytest.mark.skipif(sys.platform != "linux", reason="processes are kept on a processor on Linux")
def test_what_cannot_be_moved_is_compared_on_one_processor(shop: Repository) -> None:
    against = unmoved(shop)
    assert against["layout"] == f"{PINNED}: {UNMOVED}"
    assert against["first"]["n"] == LOOKS[0]


def test_what_cannot_be_pinned_is_compared_over_fresh_pairs(shop: Repository) -> None:
    shop.append("conftest.py", REFUSED)
    against = unmoved(shop)
    why = "its processes cannot be kept on one processor: Operation not permitted" if sys.platform == "linux" else ""
    assert against["layout"].startswith(f"{FRESH_PAIRS}: {UNMOVED}; not pinned to one CPU: {why}")
    assert against["first"]["n"] == FRESH[0]


def test_what_has_no_counterpart_is_unjudged_with_the_reason(shop: Repository) -> None:
    shop.append("budgets/orders.toml", "\n[close]\n[late]\n[new]\n")
    late = '\n@pytest.mark.perf_budget("orders.late")\ndef test_late():\n    assert len(recent(1)) == {}\n'
    shop.write(**{"test_shop.py": TWO + late.format(19)})
    shop.commit()
    new = late.replace("late", "new").format(20)
    shop.write(**{"test_shop.py": TWO + late.format(20) + new})
    done = shop.against("--perf-strict", ref="HEAD")
    assert done.code == 1
    said = done.text.partition("perfbudget: unjudged")[2].partition("perfbudget: new")[0].splitlines()[1:4]
    assert [line.partition("latency.regress: ")[2] for line in said] == [
        "the statement writes; latency.writes = true times it",
        "at HEAD the test fails: assert 20 == 19",
        "not in HEAD: it has no such test with the marker",
    ]


@pytest.mark.parametrize(
    ("file", "broken", "said"),
    [
        ("conftest.py", "raise RuntimeError('main is broken')\n", "RuntimeError: main is broken"),
        ("schema.sql", "CREATE TABLE broken (;\n", 'the seed failed: syntax error at or near ";"'),
    ],
    ids=["conftest", "seed"],
)
def test_a_reference_that_cannot_run_shows_the_end_of_its_output_once(
    shop: Repository, file: str, broken: str, said: str
) -> None:
    shop.append(file, broken)
    shop.write(**{"test_shop.py": TWO})
    shop.append("budgets/orders.toml", "\n[close]\n")
    shop.commit()
    shop.edit(file, broken, "")
    done = shop.against(ref="HEAD")
    assert done.code == 0, done.text
    assert done.text.count("latency.regress: its run of pytest ended with exit code 4") == 2
    assert done.text.count(said) == 1


@pytest.mark.parametrize("checkout", [True, False], ids=["unknown ref", "no checkout"])
def test_what_is_no_ref_is_said_before_a_test_runs(shop: Repository, checkout: bool) -> None:
    if not checkout:
        (shop.path / ".git").rename(shop.path / "gone")
    done = shop.run("--perf-against=mian")
    (shop.path / "gone").exists() and (shop.path / "gone").rename(shop.path / ".git")
    assert done.code == 4
    said = "git does not know this ref\n    did you mean main?" if checkout else "needs a git checkout: not a git repo"
    assert f"--perf-against=mian{': ' if checkout else ' '}{said}" in done.text


def test_an_interrupted_run_leaves_no_worktree(shop: Repository) -> None:
    shop.append("conftest.py", "import time\ntime.sleep(60)\n")
    shop.commit()
    shop.edit("conftest.py", "time.sleep(60)", "")
    # A background job of a shell inherits SIGINT as ignored.
    main = "import signal, sys, pytest; signal.signal(signal.SIGINT, signal.default_int_handler); "
    command = [sys.executable, "-c", f"{main}sys.exit(pytest.main(['-p', 'no:cacheprovider', '--perf-against=HEAD']))"]
    with subprocess.Popen(command, cwd=shop.path, stdout=subprocess.PIPE, text=True) as run:
        while len(trees := shop.git("worktree", "list").splitlines()) == 1 and run.poll() is None:
            time.sleep(0.05)
        run.send_signal(signal.SIGINT)
        text, _ = run.communicate(timeout=60)
    assert run.returncode == 2, text
    assert not Path(trees[1].split()[0]).parent.exists()
