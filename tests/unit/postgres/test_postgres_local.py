"""Servers from the programs of the machine, of every major that is there."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from machine import FOLDERS, each_major

from pytest_perfbudget.postgres import Request
from pytest_perfbudget.postgres.clones import clone, drop
from pytest_perfbudget.postgres.local import Local
from pytest_perfbudget.postgres.profile import DETERMINISTIC
from pytest_perfbudget.postgres.seed import Seed
from pytest_perfbudget.postgres.templates import ensure

SEED = "CREATE TABLE t AS SELECT i, 'abc' || i AS word FROM generate_series(1, 1000) i; CREATE INDEX ON t (word);"


def asked(cache: Path, major: int | None = None, **fields: object) -> Request:
    return Request(uuid.uuid4().hex, major=major, cache=str(cache), local=FOLDERS, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("major", each_major())
def test_any_major_serves_with_the_profile_and_the_locale(cache: Path, tmp_path: Path, major: int) -> None:
    (tmp_path / "seed.sql").write_text(SEED)
    server = Local().start(asked(cache, major))
    try:
        made = clone(server, ensure(server, Seed.of(["seed.sql"], tmp_path)), "perfbudget_local")
        with server.connect(made.name) as connection:
            settings = dict(connection.execute("select name, setting from pg_settings").fetchall())
            plan = str(connection.execute("explain select * from t where word like 'abc99%'").fetchall())
            upper = connection.execute("select upper('ß'), upper('é')").fetchone()
        drop(server, made.name)
    finally:
        server.close()
    assert (server.kind, server.major, made.captures) == ("local", major, True)
    assert {s.name: settings[s.name] for s in DETERMINISTIC.of(major)} == {
        s.name: s.value for s in DETERMINISTIC.of(major)
    }
    assert ("Index Cond" in plan) == (major >= 17), "the libc's C.UTF-8 serves no LIKE from an index, PostgreSQL's does"
    assert upper == ("ß", "É"), "the characters of C.UTF-8, not those of C"


def test_a_major_that_is_not_there_is_refused_with_those_that_are(cache: Path, tmp_path: Path) -> None:
    for program, code in (("postgres", "echo 'postgres (PostgreSQL) 15.3 (Debian)'"), ("initdb", "exit 1")):
        (tmp_path / program).write_text(f"#!/bin/sh\n{code}\n")
        (tmp_path / program).chmod(0o755)
    refusal = Local().refusal(Request("run", major=13, local=(str(tmp_path),)))
    assert refusal is not None
    assert "15" in refusal.reason
    assert str(tmp_path) in refusal.reason
    assert "[tool.perfbudget]" in refusal.remedy


def test_path_is_looked_at_and_a_folder_without_initdb_is_not_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytest_perfbudget.postgres.local._PLACES", ())
    (tmp_path / "postgres").write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 17.1'\n")
    (tmp_path / "postgres").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "no postgres with initdb" in str(Local().refusal(Request("run", major=17)))
    (tmp_path / "initdb").write_text("")
    (tmp_path / "initdb").chmod(0o755)
    assert "no postgres with initdb" not in str(Local().refusal(Request("run", major=17)))
