"""What is left to be written in a clone of a prepared database by who only reads."""

from __future__ import annotations

from pathlib import Path

from pytest_perfbudget.postgres import Server
from pytest_perfbudget.postgres.clones import clone, drop
from pytest_perfbudget.postgres.seed import Seed
from pytest_perfbudget.postgres.templates import ensure

FUNCTION = """
create table counted as select i as id, i % 7 as kind from generate_series(1, 1000) i;
create function counted(wanted int) returns bigint language plpgsql stable as
$$ begin return (select count(*) from counted where kind = wanted); end $$;
"""


def test_who_reads_first_writes_nothing(server: Server, tmp_path: Path) -> None:
    """A row that ANALYZE wrote is marked by its first reader, here the planner within a function; that is WAL."""
    (tmp_path / "seed.sql").write_text(FUNCTION)
    made = clone(server, ensure(server, Seed.of(["seed.sql"], tmp_path)), "perfbudget_first")
    with server.connect(made.name) as connection:
        row = connection.execute("explain (analyze, wal, format json) select counted(3)").fetchone()
    drop(server, made.name)
    assert row
    assert row[0][0]["Plan"]["WAL Records"] == 0
