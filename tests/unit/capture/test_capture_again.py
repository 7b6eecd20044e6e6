"""A captured statement planned again: without sequential scans, and as PostgreSQL would at its sixth execution."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from pytest_perfbudget.capture.again import CUSTOM, try_generic, without_seqscan
from pytest_perfbudget.model import Statement
from pytest_perfbudget.plans.fingerprint import fingerprint
from pytest_perfbudget.plans.parse import parse
from pytest_perfbudget.postgres.server import Server

SCHEMA = """
DROP TABLE IF EXISTS parcels;
CREATE TABLE parcels (id int PRIMARY KEY, state text NOT NULL, note text);
INSERT INTO parcels SELECT n, CASE WHEN n % 50 = 0 THEN 'open' ELSE 'done' END, 'n' || n
FROM generate_series(1, 20000) n;
CREATE INDEX parcels_state_idx ON parcels (state);
VACUUM ANALYZE parcels
"""
BY_STATE = "SELECT note FROM parcels WHERE state = $1"


@pytest.fixture(scope="module")
def connection(server: Server, databases: dict[str, str]) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(databases["plain"], autocommit=True) as connection:
        for statement in SCHEMA.split(";"):
            connection.execute(statement.encode())
        yield connection


def of(sql: str, *values: object) -> Statement:
    return Statement(sql, params=tuple(None if value is None else str(value).encode() for value in values))


def nodes(document: dict[str, Any]) -> list[str]:
    return [node.type for node in parse(document).root.walk()]


def test_without_sequential_scans_an_index_serves_if_one_can(connection: psycopg.Connection[Any]) -> None:
    served = without_seqscan(connection, of(BY_STATE, "done"))
    assert "Seq Scan" not in nodes(served)
    unserved = without_seqscan(connection, of("SELECT id FROM parcels WHERE note = $1", "n7"))
    assert nodes(unserved) == ["Seq Scan"]
    assert parse(unserved).root.fields["Disabled"] is True
    assert connection.execute("SHOW enable_seqscan").fetchone() == ("on",)


def test_the_sixth_execution_is_tried_not_guessed(connection: psycopg.Connection[Any]) -> None:
    common, rare = (try_generic(connection, [of(BY_STATE, state)]) for state in ("done", "open"))
    assert (common.switches, rare.switches) == (True, False)
    assert len(common.custom) == CUSTOM
    generic = parse(common.document).root.number("Total Cost")
    assert generic < min(common.custom)
    assert generic > max(rare.custom)


def test_the_executions_take_turns(connection: psycopg.Connection[Any]) -> None:
    tried = try_generic(connection, [of(BY_STATE, "done"), of(BY_STATE, "open")])
    first, second, *_ = tried.custom
    assert tried.custom == (first, second, first, second, first)
    assert first != second


def test_it_is_the_plan_of_explain_generic_plan_executed_with_the_values(connection: psycopg.Connection[Any]) -> None:
    tried = try_generic(connection, [of(BY_STATE, "open")])
    (told,) = connection.execute(f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {BY_STATE}").fetchone() or (None,)
    assert fingerprint(parse(tried.document)) == fingerprint(parse(told))
    assert parse(tried.document).analyzed
    assert tried.document["Plan"]["Actual Rows"] == 400
    assert tried.document["Query Text"] == BY_STATE


def test_values_of_every_kind_reach_the_plan(connection: psycopg.Connection[Any]) -> None:
    sql = "SELECT $1::text, $2::int, $3::text FROM parcels WHERE id = $4"
    binary = Statement(
        sql,
        params=(b"it's \\ 'quoted'", None, "é".encode(), struct.pack("!i", 7)),
        types=(25, 23, 25, 23),
        formats=(0, 0, 0, 1),
    )
    assert try_generic(connection, [binary]).document["Plan"]["Actual Rows"] == 1


def test_a_write_is_planned_and_nothing_is_left_behind(connection: psycopg.Connection[Any]) -> None:
    before = connection.execute("SELECT count(*) FROM parcels").fetchone()
    tried = try_generic(connection, [of("DELETE FROM parcels WHERE state = $1", "open")])
    assert not parse(tried.document).analyzed
    assert connection.execute("SELECT count(*) FROM parcels").fetchone() == before
    assert connection.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() == (0,)
    assert connection.execute("SHOW plan_cache_mode").fetchone() == ("auto",)


def test_a_statement_the_server_refuses_leaves_the_connection_usable(connection: psycopg.Connection[Any]) -> None:
    with pytest.raises(psycopg.errors.InvalidTextRepresentation):
        try_generic(connection, [of("SELECT note FROM parcels WHERE id = $1", "no number")])
    with pytest.raises(psycopg.errors.UndefinedTable):
        without_seqscan(connection, of("SELECT 1 FROM nowhere"))
    assert connection.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() == (0,)
    assert json.dumps(connection.execute("SELECT 1").fetchone()) == "[1]"
