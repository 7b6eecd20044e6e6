"""A throw-away PostgreSQL for the commands that reach for servers."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import psycopg
import pytest

from pytest_perfbudget.postgres.embedded import Embedded
from pytest_perfbudget.postgres.server import Request


@pytest.fixture(scope="session")
def two_databases(server_cache: str) -> Iterator[tuple[str, str]]:
    """DSNs of one schema with an index on ``customer`` and without."""
    server = Embedded().start(Request(run=uuid.uuid4().hex, cache=server_cache))
    for name in ("drift_old", "drift_new"):
        server.admin.execute(f"DROP DATABASE IF EXISTS {name}")
        server.admin.execute(f"CREATE DATABASE {name}")
        with psycopg.connect(server.dsn(name), autocommit=True) as connection:
            connection.execute("CREATE TABLE orders (id int PRIMARY KEY, customer int)")
            connection.execute("INSERT INTO orders SELECT n, n % 1000 FROM generate_series(1, 20000) n")
            if name == "drift_old":
                connection.execute("CREATE INDEX orders_customer ON orders (customer)")
            connection.execute("VACUUM ANALYZE")
    yield server.dsn("drift_old"), server.dsn("drift_new")
    server.close()
