"""Whose transactions a missing counter waits for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from pytest_perfbudget.cache import QueryCache
from pytest_perfbudget.postgres.server import Server


@contextmanager
def running(dsn: str) -> Iterator[None]:
    """A transaction that has an id, and changes nothing."""
    with psycopg.connect(dsn) as connection:
        connection.execute("SELECT pg_current_xact_id()")
        yield


@pytest.fixture(params=["a superuser", "a role without privileges"])
def read_as(dsn: str, direct: psycopg.Connection[Any], request: pytest.FixtureRequest) -> Iterator[str]:
    direct.execute("CREATE TABLE items (n int)")
    if request.param == "a superuser":
        yield dsn
        return
    direct.execute("CREATE ROLE reader LOGIN PASSWORD 'reader'")
    direct.execute("GRANT SELECT ON items TO reader")
    direct.execute("GRANT CREATE ON SCHEMA public TO reader")
    yield psycopg.conninfo.make_conninfo(dsn, user="reader", password="reader")
    direct.execute("DROP OWNED BY reader")
    direct.execute("DROP ROLE reader")


def hits(dsn: str, redis_url: str) -> int:
    """Of two reads of a Redis that was empty."""
    with ConnectionPool(dsn, min_size=1, open=True) as pool:
        cache = QueryCache(redis_url, pool)
        cache.install()
        for _ in range(2):
            cache.fetch("SELECT n FROM items")
        cache.close()
        return int(cache.report().get("hits", 0))


def test_a_transaction_of_another_database_is_not_waited_for(server: Server, read_as: str, redis_url: str) -> None:
    with running(server.dsn("postgres")):
        assert hits(read_as, redis_url) == 1


def test_a_transaction_of_this_database_is(dsn: str, read_as: str, redis_url: str) -> None:
    with running(dsn):
        assert hits(read_as, redis_url) == 0
    assert hits(read_as, redis_url) == 1


def test_one_of_each_is_waited_for(server: Server, dsn: str, read_as: str, redis_url: str) -> None:
    with running(server.dsn("postgres")), running(dsn):
        assert hits(read_as, redis_url) == 0
