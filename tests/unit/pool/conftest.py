"""A throw-away PostgreSQL for the tests of pools."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import psycopg
import pytest

from pytest_perfbudget.postgres.embedded import Embedded
from pytest_perfbudget.postgres.server import Request, Server


@pytest.fixture(scope="session")
def server(server_cache: str) -> Iterator[Server]:
    offered = Embedded().start(Request(run=uuid.uuid4().hex, cache=server_cache))
    yield offered
    offered.close()


@pytest.fixture(scope="session")
def dsn(server: Server) -> str:
    server.admin.execute("CREATE DATABASE pooled")
    with psycopg.connect(server.dsn("pooled"), autocommit=True) as connection:
        connection.execute("CREATE TABLE items AS SELECT n AS id, n % 10 AS kind FROM generate_series(1, 1000) n")
    return server.dsn("pooled")
