from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from machine import MAJORS, no_major
from shell import perfbudget

from pytest_perfbudget.baselines.document import dump
from pytest_perfbudget.baselines.document import parse as read
from pytest_perfbudget.baselines.record import Baseline
from pytest_perfbudget.cli.servers import statements

EXAMPLE = Path(__file__).parent.parent.parent.parent / "budgets"
SQL = """-- customers
SELECT * FROM orders WHERE customer = 7;
SELECT * FROM orders WHERE customer = $1 AND id > $2;
SELECT count(*) FROM orders WHERE '$9; é' <> '';
SELECT * FROM nowhere;
DELETE FROM orders WHERE id = 5
"""


@pytest.fixture
def budgets(tmp_path: Path) -> Path:
    """The example's baselines as recorded on 18, and as a 15 would have recorded them that loses an index."""
    for major in (15, 18):
        for path in (EXAMPLE / "baselines" / "pg18").glob("*.json"):
            baseline = read(path.read_text(), path.name, path.stem)
            new = tmp_path / "budgets" / "baselines" / f"pg{major}" / path.name
            new.parent.mkdir(parents=True, exist_ok=True)
            new.write_text(dump(_older(baseline) if major == 15 else baseline))
    return tmp_path / "budgets"


def _older(baseline: Baseline) -> Baseline:
    environment = replace(baseline.environment, major=15, version="15.12", settings={"work_mem": "8MB"})
    if baseline.budget != "classification.latest":
        return replace(baseline, environment=environment)
    (name, test), *others = baseline.tests.items()
    first, *rest = test.queries
    lines = ("Limit", "  Seq Scan on classifications   Filter: business_id = ?")
    changed = replace(first, plans=(replace(first.plans[0], tree=lines),), cost=900.0)
    return replace(
        baseline, environment=environment, tests={name: replace(test, queries=(changed, *rest)), **dict(others)}
    )


def test_recorded_baselines_of_two_majors(budgets: Path) -> None:
    done = perfbudget("drift", "--majors", "15,18", folder=budgets.parent)
    assert (done.returncode, done.stderr) == (0, "")
    head, _, *rows = done.stdout.splitlines()
    assert head.split("  ")[0] == "from"
    assert "plan on 18" in head
    assert "buffers 15 → 18" in head
    changed = [row for row in rows if "another plan" in row]
    assert len(changed) == 1
    assert changed[0].startswith("classification.latest")
    assert "900 → " in changed[0]
    assert "1 of " in done.stdout
    assert "statements are planned otherwise on 18 than on 15" in done.stdout
    assert "besides the major: work_mem: 8MB → default" in done.stdout
    assert "major: 15" not in done.stdout


def test_the_diff_of_what_is_planned_otherwise(budgets: Path) -> None:
    done = perfbudget("drift", "--majors", "15,18", "--diff", "--budgets", budgets)
    assert "\n-   Seq Scan on classifications" in done.stdout
    assert done.stdout.count("\n- ") == 1


def test_two_servers(two_databases: tuple[str, str], tmp_path: Path) -> None:
    old, new = two_databases
    file = tmp_path / "statements.sql"
    file.write_text(SQL)
    done = perfbudget("drift", "--dsn", old, "--dsn", new, file, "--diff")
    assert (done.returncode, done.stderr) == (0, "")
    rows = [line for line in done.stdout.splitlines() if line.startswith("statements.sql")]
    assert ["another plan" in row for row in rows] == [True, True, False, False, False]
    assert 'none: relation "nowhere" does not exist' in rows[3]
    assert "same" in rows[4]
    assert "2 of 5 statements are planned otherwise" in done.stdout
    assert "\n+ Seq Scan on orders" in done.stdout
    with psycopg.connect(old) as connection:
        assert connection.execute("SELECT count(*) FROM orders").fetchone() == (20000,)


SEED = """CREATE TABLE orders (id int PRIMARY KEY, customer int);
INSERT INTO orders SELECT n, n % 1000 FROM generate_series(1, 20000) n;
"""


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    """A project with a seed, and a file of statements."""
    (tmp_path / "pyproject.toml").write_text('[tool.perfbudget]\nseed = ["seed.sql"]\nserver = "embedded"\n')
    (tmp_path / "seed.sql").write_text(SEED)
    (tmp_path / "statements.sql").write_text(SQL)
    return tmp_path


def majors() -> tuple[str, str]:
    """The oldest that this machine has programs of, and 18, which the wheel has."""
    here = [major for major in MAJORS if major != 18 and not no_major(major)]
    return (str(here[0]) if here else "", "18")


@pytest.mark.skipif(not majors()[0], reason="no programs of a major below 18")
def test_servers_of_both_majors_are_made_and_seeded(orders: Path, server_cache: str) -> None:
    old, new = majors()
    environment = {"PERFBUDGET_CACHE": server_cache, "DOCKER_HOST": "tcp://127.0.0.1:1"}
    done = perfbudget("drift", "--majors", f"{old},{new}", "statements.sql", folder=orders, environment=environment)
    assert (done.returncode, done.stderr) == (0, "")
    rows = [line for line in done.stdout.splitlines() if line.startswith("statements.sql")]
    assert ["same" in row for row in rows] == [True, True, True, False, True]
    assert 'none: relation "nowhere" does not exist' in rows[3]
    assert re.search(
        rf"^planned by PostgreSQL {old}\.\d+ from local and PostgreSQL 18\.\d+ from embedded$", done.stdout, re.M
    )


@pytest.mark.skipif(not majors()[0], reason="no programs of a major below 18")
def test_statements_recorded_on_one_major_are_planned_by_both(orders: Path, budgets: Path, server_cache: str) -> None:
    old, new = majors()
    shutil.rmtree(budgets / "baselines" / "pg15")
    environment = {"PERFBUDGET_CACHE": server_cache, "DOCKER_HOST": "tcp://127.0.0.1:1"}
    done = perfbudget("drift", "--majors", f"{old},{new}", folder=orders, environment=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert "classification.latest        SELECT b.business_id" in done.stdout
    assert 'none: relation "businesses" does not exist' in done.stdout


def test_statements_are_cut_where_sql_ends_them(tmp_path: Path) -> None:
    (tmp_path / "s.sql").write_text(SQL)
    found = statements(tmp_path / "s.sql")
    assert len(found) == 5
    assert found[2] == "SELECT count(*) FROM orders WHERE '$9; é' <> ''"
    assert found[4] == "DELETE FROM orders WHERE id = 5"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "say which"),
        (["--majors", "15"], "give two majors"),
        (["--majors", "18,18", "s.sql"], "give two majors"),
        (["--majors", "15,19"], "give two majors"),
        (["--majors", ""], "give two majors"),
        (["--majors", "14,18"], "there is no seed to make the database of: give --seed"),
        (["--majors", "15,18", "s.sql"], "there is no seed to make the database of: give --seed"),
        (["--majors", "15,18", "--budgets", "none"], "none/baselines holds no baseline"),
        (["--majors", "15,18", "s.sql", "--seed", "gone.sql"], "gone.sql cannot be read"),
        (["--dsn", "a", "--dsn", "b", "s.sql", "--seed", "s.sql"], "give one of them"),
        (["--dsn", "a", "s.sql"], "give two --dsn"),
        (["--dsn", "host=/nowhere", "--dsn", "host=/nowhere", "s.sql"], "refuses"),
        (["--dsn", "host=/nowhere", "--dsn", "host=/nowhere", "broken.sql"], "is not SQL"),
        (["--dsn", "host=/nowhere", "--dsn", "host=/nowhere", "empty.sql"], "holds no statement"),
        (["--dsn", "host=/nowhere", "--dsn", "host=/nowhere", "missing.sql"], "cannot be read"),
    ],
)
def test_what_is_missing_is_said_in_one_line(tmp_path: Path, budgets: Path, words: list[str], said: str) -> None:
    (tmp_path / "s.sql").write_text("SELECT 1")
    (tmp_path / "broken.sql").write_text("SELECT FROM WHERE")
    (tmp_path / "empty.sql").write_text("-- nothing\n")
    done = perfbudget("drift", *words, folder=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert said in done.stderr


def test_the_majors_of_the_servers_are_held_to_what_was_asked(two_databases: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "s.sql").write_text("SELECT 1")
    old, new = two_databases
    done = perfbudget("drift", "--majors", "15,18", "--dsn", old, "--dsn", new, tmp_path / "s.sql")
    assert done.returncode == 2
    assert "--majors 15,18, but the servers are 18,18" in done.stderr


def test_a_broken_baseline_is_the_error_of_its_file(budgets: Path) -> None:
    (budgets / "baselines" / "pg15" / "classification.latest.json").write_text(json.dumps({"format": 99}))
    done = perfbudget("drift", "--majors", "15,18", folder=budgets.parent)
    assert done.returncode == 2
    assert "pg15/classification.latest.json" in done.stderr
