"""Routing over a real primary and a real streaming standby."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from standbys import PORT, standby

from pytest_perfbudget.pool import routed, routed_async
from pytest_perfbudget.postgres.server import Server

STANDBY = "SELECT pg_is_in_recovery()"


@pytest.fixture(scope="module")
def both(server: Server, dsn: str) -> Iterator[str]:
    """A conninfo that names the standby and the primary, in this order."""
    params = conninfo_to_dict(dsn)
    with standby(server) as folder:
        yield make_conninfo(dsn, host=f"{folder},{params['host']}", port=f"{PORT},{params.get('port', 5432)}")


def test_reads_go_to_the_standby_and_writes_to_the_primary(both: str) -> None:
    with routed(both, max_size=4, name="shop") as pools:
        with pools.write() as connection:
            assert connection.execute(STANDBY).fetchone() == (False,)
            connection.execute("CREATE TABLE IF NOT EXISTS written (n int)")
            connection.execute("INSERT INTO written VALUES (1)")
        with pools.write() as connection:
            position = connection.execute("SELECT pg_current_wal_lsn()").fetchone()
        with pools.read() as connection:
            assert connection.execute(STANDBY).fetchone() == (True,)
        end = time.monotonic() + 20
        while True:
            with pools.read() as connection:
                replayed = "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn"
                if connection.execute(replayed, position).fetchone() == (True,):
                    assert connection.execute("SELECT n FROM written").fetchone() == (1,)
                    break
            assert time.monotonic() < end
        assert (pools.writes.name, pools.reads.name) == ("shop-writes", "shop-reads")


def test_without_a_standby_reads_go_to_the_primary_and_cannot_write(dsn: str) -> None:
    for autocommit in (True, False):
        with routed(dsn, max_size=2, kwargs={"autocommit": autocommit}) as pools:
            with pools.read() as connection:
                assert connection.execute(STANDBY).fetchone() == (False,)
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction), pools.read() as connection:
                connection.execute("CREATE TABLE refused (n int)")


def test_a_configure_of_the_application_s_own_is_kept(dsn: str) -> None:
    def configure(connection: psycopg.Connection) -> None:
        connection.prepare_threshold = 3

    with routed(dsn, configure=configure) as pools:
        for taken in (pools.read(), pools.write()):
            with taken as connection:
                assert connection.prepare_threshold == 3


def test_reads_elsewhere(dsn: str, both: str) -> None:
    with routed(dsn, reads=both) as pools:
        with pools.read() as connection:
            assert connection.execute(STANDBY).fetchone() == (True,)
        with pools.write() as connection:
            assert connection.execute(STANDBY).fetchone() == (False,)


def test_async(both: str) -> None:
    async def main() -> None:
        async with routed_async(both, max_size=4) as pools:
            async with pools.write() as connection:
                assert await (await connection.execute(STANDBY)).fetchone() == (False,)
            async with pools.read() as connection:
                assert await (await connection.execute(STANDBY)).fetchone() == (True,)
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                async with pools.read() as connection:
                    await connection.execute("CREATE TABLE refused (n int)")

    asyncio.run(main())
