"""Record EXPLAIN documents from a server: ``python record.py DSN`` writes ``pg<major>/*.json``.

The database must be empty and the user a superuser on the server's own machine. Two suites, each loaded into the
database with its schema: ``queries.sql`` (the plans that tests refer to by name, indented) and ``nodes.sql`` (every
node type, one line each). Every statement is rolled back. ``python record.py DSN nodes`` records one suite alone.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import psycopg

HERE = Path(__file__).parent
SUITES = {"queries": "schema", "nodes": "nodes_schema"}
EXPLAIN = "ANALYZE, BUFFERS, WAL, TIMING OFF, SETTINGS, FORMAT JSON"
NODES_EXPLAIN = "ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON"
_NOTE = re.compile(r"^-- (with|explain|prepare|since|auto_explain): (.*)$", re.MULTILINE)


def main(dsn: str, *suites: str) -> None:
    """Record every query of ``suites``, of all if none is named; files of the same name are overwritten."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        folder = HERE / f"pg{connection.info.server_version // 10000}"
        folder.mkdir(exist_ok=True)
        for suite in suites or SUITES:
            for statement in (HERE / f"{SUITES[suite]}.sql").read_text().split(";\n"):
                if statement.strip():
                    connection.execute(statement)  # type: ignore[call-overload]
            for block in (HERE / f"{suite}.sql").read_text().split("-- name: ")[1:]:
                name, _, body = block.partition("\n")
                text = _node(connection, body) if suite == "nodes" else json.dumps(record(connection, body), indent=1)
                if text:
                    (folder / f"{name}.json").write_text(text + "\n")
        if "queries" in (suites or SUITES):
            text = _auto_explain(connection, "SELECT id, total FROM orders WHERE id = %s", 7)
            (folder / "auto_explain.json").write_text(text)


def record(connection: psycopg.Connection, body: str, options: str = EXPLAIN) -> object:
    """The document of one query under its own settings, options and prepared statement."""
    notes = dict(_NOTE.findall(body))
    with connection.transaction(force_rollback=True):
        for setting in filter(None, notes.get("with", "").split("; ")):
            connection.execute("SELECT set_config(%s, %s, true)", setting.split(" = "))
        if "prepare" in notes:
            connection.execute("DEALLOCATE ALL")
            connection.execute(f"PREPARE recorded {notes['prepare']}")
        if "RANGE_TABLE" in notes.get("explain", ""):
            connection.execute("LOAD 'pg_overexplain'")
        # The first statement of a connection counts reads of the catalogue.
        connection.execute("SELECT 1 FROM pg_class WHERE oid = 1")
        row = connection.execute(f"EXPLAIN ({notes.get('explain', options)}) {_query(body)}").fetchone()
    assert row
    return row[0]


def _query(body: str) -> str:
    return re.sub(r"^--.*\n", "", body, flags=re.MULTILINE).strip().rstrip(";")


def _node(connection: psycopg.Connection, body: str) -> str:
    """The document of one query in one line; empty where the server is older than the query's ``since``."""
    notes = dict(_NOTE.findall(body))
    if connection.info.server_version // 10000 < int(notes.get("since", 0)):
        return ""
    if "auto_explain" in notes:
        document = json.loads(_auto_explain(connection, _query(body)))
    else:
        document = record(connection, body, NODES_EXPLAIN)
    return json.dumps(document, separators=(",", ":"))


def _auto_explain(connection: psycopg.Connection, query: str, *values: object) -> str:
    """The first document auto_explain sends for a statement, the duration before it cut off.

    Nested statements come before the one that ran them.
    """
    heard: list[str] = []
    connection.execute("LOAD 'auto_explain'")
    settings = ("log_min_duration = 0", "log_format = json", "log_analyze = on", "log_timing = off")
    with connection.transaction(force_rollback=True):
        for setting in (*settings, "log_nested_statements = on"):
            connection.execute(f"SET LOCAL auto_explain.{setting}")
        connection.execute("SET LOCAL client_min_messages = log")
        connection.add_notice_handler(lambda notice: heard.append(notice.message_primary or ""))
        connection.execute(query, values or None)
    return heard[0].partition("plan:\n")[2] + "\n"


if __name__ == "__main__":
    main(*sys.argv[1:])
