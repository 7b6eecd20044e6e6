"""A throw-away PostgreSQL and a Valkey for the tests of the query cache."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import psycopg
import pytest
from redis import Redis

from pytest_perfbudget.cache import RedisRequest
from pytest_perfbudget.cache import embedded as valkey
from pytest_perfbudget.postgres.embedded import Embedded
from pytest_perfbudget.postgres.server import Request, Server


@pytest.fixture(scope="session")
def server(server_cache: str) -> Iterator[Server]:
    offered = Embedded().start(Request(run=uuid.uuid4().hex, cache=server_cache))
    yield offered
    offered.close()


@pytest.fixture
def dsn(server: Server) -> Iterator[str]:
    """A database of its own for each test."""
    name = f"cached_{uuid.uuid4().hex[:8]}"
    server.admin.execute(f"CREATE DATABASE {name}")
    yield server.dsn(name)
    server.admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def direct(dsn: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A connection that no cache knows of."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture
def items(dsn: str) -> str:
    """The DSN of the test's database, with a table of 100 rows."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE items (id int PRIMARY KEY, name text NOT NULL)")
        connection.execute("INSERT INTO items SELECT n, 'item ' || n FROM generate_series(1, 100) n")
    return dsn


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[object]:
    offered = valkey.Embedded().start(RedisRequest(run=uuid.uuid4().hex, server="embedded"))
    yield offered
    offered.close()


@pytest.fixture
def redis_url(valkey_server: object) -> str:
    """An empty database of it."""
    return str(valkey_server.fresh().url)  # type: ignore[attr-defined]


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        yield client
