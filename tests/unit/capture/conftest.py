"""A throw-away PostgreSQL for the tests of capture, with auto_explain set on the watched database."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from pytest_perfbudget.capture.hub import Hub
from pytest_perfbudget.capture.psycopg3 import Psycopg3
from pytest_perfbudget.postgres.embedded import Embedded
from pytest_perfbudget.postgres.profile import capture
from pytest_perfbudget.postgres.server import Request, Server

SCHEMA = """
CREATE TABLE orders (id int PRIMARY KEY, customer int, note text);
INSERT INTO orders SELECT n, n % 10, 'n' || n FROM generate_series(1, 200) n;
CREATE TABLE log (n int);
CREATE FUNCTION counted(int) RETURNS bigint LANGUAGE plpgsql AS
  $$BEGIN RETURN (SELECT count(*) FROM orders WHERE customer = $1); END$$;
"""


@pytest.fixture(scope="session")
def server(server_cache: str) -> Iterator[Server]:
    started = Embedded().start(Request(run=uuid.uuid4().hex, cache=server_cache))
    yield started
    started.close()


@pytest.fixture(scope="session")
def databases(server: Server) -> dict[str, str]:
    """DSNs: ``watched`` with auto_explain, ``plain`` without, ``other`` that is nobody's."""
    for name in ("watched", "plain", "other"):
        server.admin.execute(f"DROP DATABASE IF EXISTS {name}")
        server.admin.execute(f"CREATE DATABASE {name}")
    for setting, value in capture(server.major).items():
        for name in ("watched", "other"):
            server.admin.execute(f"ALTER DATABASE {name} SET {setting} = {value}")
    dsns = {name: server.dsn(name) for name in ("watched", "plain", "other")}
    for dsn in dsns.values():
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(SCHEMA)
            connection.execute("VACUUM ANALYZE")
    return dsns


@pytest.fixture
def dsn(databases: dict[str, str]) -> str:
    return databases["watched"]


@pytest.fixture
def hub() -> Iterator[Hub]:
    """Recording, with psycopg watched on the databases ``watched`` and ``plain``."""
    hub, driver = Hub(str(Path(__file__).parent)), Psycopg3()
    hub.watch("watched")
    hub.watch("plain")
    driver.install(hub)
    hub.start()
    try:
        yield hub
    finally:
        driver.uninstall()
