"""Record the EXPLAIN documents that only rules need: ``python record_rules.py DSN [HALF …]`` writes ``pg<major>/*.json``.

A half is a pair of files, ``schema_<half>.sql`` and ``queries_<half>.sql``; without one, all are recorded. Each lives in
a schema of its name, so the halves may name their tables alike. The format of the queries is that of
``tests/unit/plans/recorded``, and a name begins with the code of the rule it is for: ``pb206_lossy``. A query whose
``-- majors: 14, 18`` does not hold the server's is passed over.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import psycopg
from psycopg import sql

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
        majors = re.search(r"^-- majors: (.*)$", body, re.MULTILINE)
        if majors and str(major) not in majors[1].split(", "):
            continue
        (folder / f"{name}.json").write_text(json.dumps(record(connection, body), indent=1) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
