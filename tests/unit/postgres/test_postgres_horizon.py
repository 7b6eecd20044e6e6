"""Blocks that updates of one row touch, alone and with a transaction open in another database of the cluster."""

from __future__ import annotations

import json
from collections.abc import Iterator

import psycopg
import pytest

from pytest_perfbudget.postgres import Server
from pytest_perfbudget.postgres.horizon import Horizon

UPDATE = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) UPDATE pruned SET n = n + 1 WHERE id = 1"
OPEN = "select count(*) from pg_stat_activity where backend_xid is not null and pid <> pg_backend_pid()"


@pytest.fixture
def horizon(server: Server) -> Iterator[Horizon]:
    found = Horizon(server)
    yield found
    found.close()


def blocks(server: Server) -> int:
    """Of 60 updates in a database of its own."""
    server.admin.execute("CREATE DATABASE pruned")
    try:
        with server.connect("pruned") as connection:
            connection.execute("CREATE TABLE pruned AS SELECT i AS id, 0 AS n FROM generate_series(1, 1000) i")
            connection.execute("ALTER TABLE pruned ADD PRIMARY KEY (id)")
            plans = [connection.execute(UPDATE).fetchone() for _ in range(60)]
    finally:
        server.admin.execute("DROP DATABASE pruned (FORCE)")
    found = [json.loads(plan[0]) if isinstance(plan[0], str) else plan[0] for plan in plans if plan]
    return sum(one[0]["Plan"]["Shared Hit Blocks"] + one[0]["Plan"]["Shared Read Blocks"] for one in found)


def beside(server: Server) -> psycopg.Connection:
    """A transaction of somebody else."""
    other = server.connect()
    other.execute("begin; select pg_current_xact_id()")
    return other


def test_the_same_blocks_whatever_else_is_open(server: Server, horizon: Horizon) -> None:
    alone = blocks(server)
    horizon.hold()
    held = blocks(server)
    with beside(server):
        crowded = blocks(server)
    horizon.release()
    assert held == crowded
    assert alone < held


def test_it_lets_go_and_holds_again(server: Server, horizon: Horizon) -> None:
    for _ in range(2):
        horizon.hold()
        horizon.hold()
        assert server.admin.execute(OPEN).fetchone() == (1,)
        horizon.release()
        horizon.release()
        assert server.admin.execute(OPEN).fetchone() == (0,)


def test_a_lost_connection_is_replaced(server: Server, horizon: Horizon) -> None:
    horizon.hold()
    server.admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where backend_xid is not null")
    horizon.hold()
    assert server.admin.execute(OPEN).fetchone() == (1,)
    server.admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where backend_xid is not null")
    horizon.release()


def test_vacuum_in_another_database_does_not_wait_for_it(server: Server, horizon: Horizon) -> None:
    server.admin.execute("CREATE DATABASE vacuumed")
    try:
        with server.connect("vacuumed") as connection:
            connection.execute("CREATE TABLE t AS SELECT i FROM generate_series(1, 1000) i")
            horizon.hold()
            connection.execute("DELETE FROM t WHERE i <= 500")
            connection.execute("VACUUM t")
            connection.execute("CREATE INDEX CONCURRENTLY ON t (i)")
            assert connection.execute("SELECT reltuples FROM pg_class WHERE relname = 't'").fetchone() == (500.0,)
    finally:
        server.admin.execute("DROP DATABASE vacuumed (FORCE)")
