"""Record the EXPLAIN documents of ``queries.sql`` from a server: ``python record.py DSN`` writes ``pg<major>/*.json``.

The database must be empty; ``schema.sql`` is loaded first, and every statement is rolled back.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import psycopg

HERE = Path(__file__).parent
EXPLAIN = "ANALYZE, BUFFERS, WAL, TIMING OFF, SETTINGS, FORMAT JSON"


def main(dsn: str) -> None:
    """Record every query of ``queries.sql``; files of the same name are overwritten."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in (HERE / "schema.sql").read_text().split(";\n"):
            if statement.strip():
                connection.execute(statement)  # type: ignore[call-overload]
        folder = HERE / f"pg{connection.info.server_version // 10000}"
        folder.mkdir(exist_ok=True)
        for block in (HERE / "queries.sql").read_text().split("-- name: ")[1:]:
            name, _, body = block.partition("\n")
            document = _record(connection, body)
            (folder / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")
        (folder / "auto_explain.json").write_text(_auto_explained(connection))


def _record(connection: psycopg.Connection, body: str) -> object:
    """The document of one query under its own settings, options and prepared statement."""
    notes = dict(re.findall(r"^-- (with|explain|prepare): (.*)$", body, re.MULTILINE))
    query = re.sub(r"^--.*\n", "", body, flags=re.MULTILINE).strip().rstrip(";")
    with connection.transaction(force_rollback=True):
        for setting in filter(None, notes.get("with", "").split("; ")):
            connection.execute("SELECT set_config(%s, %s, true)", setting.split(" = "))
        if "prepare" in notes:
            connection.execute("DEALLOCATE ALL")
            connection.execute(f"PREPARE recorded {notes['prepare']}")
        connection.execute("SELECT 1 FROM customers WHERE id = 1")
        row = connection.execute(f"EXPLAIN ({notes.get('explain', EXPLAIN)}) {query}").fetchone()
    assert row
    return row[0]


def _auto_explained(connection: psycopg.Connection) -> str:
    """The document auto_explain sends for a statement, as text, the duration before it cut off."""
    heard: list[str] = []
    connection.add_notice_handler(lambda notice: heard.append(notice.message_primary or ""))
    connection.execute("LOAD 'auto_explain'")
    for setting in ("log_min_duration = 0", "log_format = json", "log_analyze = on", "log_timing = off"):
        connection.execute(f"SET auto_explain.{setting}")
    connection.execute("SET client_min_messages = log")
    connection.execute("SELECT id, total FROM orders WHERE id = %s", (7,))
    return heard[-1].partition("plan:\n")[2] + "\n"


if __name__ == "__main__":
    main(sys.argv[1])
