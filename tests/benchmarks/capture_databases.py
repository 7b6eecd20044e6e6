"""A server of our own with two databases of a thousand rows: one plain, and one where auto_explain gives plans."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from pytest_perfbudget.postgres.embedded import Embedded
from pytest_perfbudget.postgres.profile import capture
from pytest_perfbudget.postgres.server import Request

SCHEMA = "CREATE TABLE numbers (id bigint PRIMARY KEY); INSERT INTO numbers SELECT generate_series(1, 1000)"


@contextmanager
def plain_and_plans() -> Iterator[tuple[str, str]]:
    """Their DSNs."""
    cache = tempfile.mkdtemp(prefix="perfbudget-figures-")
    Path(cache).chmod(0o755)
    server = Embedded().start(Request(run=uuid.uuid4().hex, cache=cache))
    try:
        for name in ("plain", "plans"):
            server.admin.execute(f"CREATE DATABASE {name}")
        for setting, value in capture(server.major).items():
            server.admin.execute(f"ALTER DATABASE plans SET {setting} = {value}")
        for name in ("plain", "plans"):
            with psycopg.connect(server.dsn(name), autocommit=True) as connection:
                connection.execute(SCHEMA)
        yield server.dsn("plain"), server.dsn("plans")
    finally:
        server.close()
        shutil.rmtree(cache, ignore_errors=True)
