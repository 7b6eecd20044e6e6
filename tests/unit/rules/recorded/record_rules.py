"""Record the EXPLAIN documents that only rules need: ``python record_rules.py DSN [HALF …]``.

It writes ``pg<major>/*.json``, without white space. A half is a pair of files, ``schema_<half>.sql`` and
``queries_<half>.sql``; without one, all are recorded. Each lives in a schema of its name, so the halves may name their
tables alike. The format of the queries is that of ``tests/unit/plans/recorded``, and a name begins with the code of the
rule it is for: ``pb206_lossy``. A query whose ``-- majors: 14, 18`` does not hold the server's is passed over;
``-- verbose: 18`` records ``<name>_verbose`` as well on those majors, the same statement under VERBOSE. The
tables of the half, as rules see them, become ``catalogue_<half>.json``.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import psycopg
from psycopg import sql

from pytest_perfbudget.postgres.relations import catalogue

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1] / "plans" / "recorded"))

from record import record  # noqa: E402


def main(dsn: str, *halves: str) -> None:
    """Record the halves named, or all; files of the same name are overwritten."""
    names = halves or tuple(path.stem.removeprefix("queries_") for path in sorted(HERE.glob("queries_*.sql")))
    with psycopg.connect(dsn, autocommit=True) as connection:
        for half in names:
            _half(connection, half)


def _half(connection: psycopg.Connection, half: str) -> None:
    major = connection.info.server_version // 10000
    connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {0} CASCADE; CREATE SCHEMA {0}").format(sql.Identifier(half)))
    connection.execute(sql.SQL("SET search_path = {}").format(sql.Identifier(half)))
    for statement in (HERE / f"schema_{half}.sql").read_text().split(";\n"):
        if statement.strip():
            connection.execute(statement)  # type: ignore[call-overload]
    folder = HERE / f"pg{major}"
    folder.mkdir(exist_ok=True)
    for block in (HERE / f"queries_{half}.sql").read_text().split("-- name: ")[1:]:
        name, _, body = block.partition("\n")
        notes = dict(re.findall(r"^-- (majors|verbose): (.*)$", body, re.MULTILINE))
        if str(major) in notes.get("majors", str(major)).split(", "):
            _write(folder / f"{name}.json", record(connection, body))
        if str(major) in notes.get("verbose", "").split(", "):
            _write(
                folder / f"{name}_verbose.json", record(connection, re.sub(r"-- explain: ", "\\g<0>VERBOSE, ", body))
            )
    found = catalogue(connection)
    tables = {name: table for name, table in found.tables.items() if table.schema == half}
    _write(folder / f"catalogue_{half}.json", msgspec.to_builtins(replace(found, tables=tables)))


def _write(path: Path, document: object) -> None:
    path.write_text(json.dumps(document, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
