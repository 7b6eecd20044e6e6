"""A seed at another scale: which steps are told, how, and what their templates are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_perfbudget.errors import SeedError
from pytest_perfbudget.postgres import Server
from pytest_perfbudget.postgres.catalogue import rows
from pytest_perfbudget.postgres.clones import clone, drop
from pytest_perfbudget.postgres.inventory import kept, matching
from pytest_perfbudget.postgres.multiply import Multiply
from pytest_perfbudget.postgres.scale import at_scale, takes_scale
from pytest_perfbudget.postgres.seed import Seed
from pytest_perfbudget.postgres.templates import ensure

TABLE = "create table orders (id int primary key)"
SQL = "insert into orders select generate_series(1, coalesce(current_setting('perfbudget.scale', true)::int, 7))"
PYTHON = """
import psycopg

def fill(dsn, scale=7):
    with psycopg.connect(dsn) as connection:
        connection.execute("insert into orders select generate_series(1, %s::int)", [scale])

def old(dsn):
    fill(dsn)
"""
COMMAND = {"run": "sh fill.sh", "files": ["fill.sh"]}
SHELL = 'echo "insert into orders select generate_series(1, ${PERFBUDGET_SCALE:-7})" > more.sql; python3 run.py'
RUN = """
import os, psycopg
with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
    connection.execute(open("more.sql").read())
"""
KNOWING: dict[str, Any] = {"sql": "rows.sql", "callable": "pb_scale:fill", "run": COMMAND}
IGNORANT: dict[str, Any] = {"sql": "table.sql", "callable": "pb_scale:old", "run": {"run": "true"}}

Built = Callable[[Seed], int]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    import sys

    files = {"table.sql": TABLE, "rows.sql": SQL, "pb_scale.py": PYTHON, "fill.sh": SHELL, "run.py": RUN}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")
    monkeypatch.setenv("PERFBUDGET_SCALE", "99")  # of whoever: a seed is told by us alone
    monkeypatch.delitem(sys.modules, "pb_scale", raising=False)
    return tmp_path


@pytest.fixture
def counted(server: Server) -> Built:
    """How many orders a database of the seed has."""

    def count(seed: Seed) -> int:
        made = clone(server, ensure(server, seed), "perfbudget_scaled")
        try:
            with server.connect(made.name) as connection:
                (found,) = connection.execute("select count(*) from orders").fetchone() or (0,)
                assert rows(connection) == {"orders": found, "public.orders": found}
                return int(found)
        finally:
            drop(server, made.name)

    return count


@pytest.mark.parametrize("kind", KNOWING)
def test_a_step_that_knows_is_told_and_makes_what_it_always_makes_otherwise(
    counted: Built, project: Path, kind: str
) -> None:
    seed = Seed.of(["table.sql", KNOWING[kind]], project)
    assert takes_scale(seed)
    assert [counted(seed), counted(at_scale(seed, 40)), counted(at_scale(seed, 41))] == [7, 40, 41]


@pytest.mark.parametrize("kind", IGNORANT)
def test_a_step_that_does_not_know(project: Path, kind: str) -> None:
    seed = Seed.of([IGNORANT[kind]], project)
    assert not takes_scale(seed)
    assert at_scale(seed, 4).steps == (*seed.steps, Multiply(4))
    assert at_scale(seed, 1) == seed


def test_the_steps_before_the_first_that_knows_share_their_template(project: Path) -> None:
    seed = Seed.of(["table.sql", "rows.sql", "table.sql"], project)
    plain, small, large = (one.hashes("") for one in (seed, at_scale(seed, 40), at_scale(seed, 41)))
    assert plain[1] == small[1] == large[1]
    assert len({plain[2], small[2], large[2]}) == len({plain[3], small[3], large[3]}) == 3


def test_its_template_is_kept_and_found_again(server: Server, project: Path) -> None:
    seed = at_scale(Seed.of(["table.sql", "rows.sql"], project), 1234)
    assert ensure(server, seed).built
    again = ensure(server, seed)
    assert not again.built
    (listed,) = matching(kept(server.admin), again.name)
    assert listed.seed == "table.sql, rows.sql at scale 1,234"


def test_a_module_that_is_not_there_is_said(project: Path) -> None:
    with pytest.raises(SeedError, match=r"no function gone"):
        takes_scale(Seed.of(["pb_scale:gone"], project))
