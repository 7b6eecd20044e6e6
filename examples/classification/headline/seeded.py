"""The four clusters: the example's data with primary keys only or with its indexes, the settings as initdb left them or
as ``perfbudget tune --sql`` proposes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from headline.servers import DATABASE, Cluster, Running, made
from headline.steps import Steps
from pytest_perfbudget.postgres.profiles.machine import MB, Machine
from pytest_perfbudget.postgres.profiles.pgtune import Use, tune
from pytest_perfbudget.postgres.profiles.proposal import lines, propose

SEED = Path(__file__).parent.parent / "seed"
MEMORY = 256 * MB
"""What PostgreSQL may have, by `perfbudget tune --profile desktop --memory '256 MB'`: PGTune's word for a server that
shares its machine with the programs it serves."""
CORES, CONNECTIONS = 2, 40
UNSUBSCRIBED = "ALTER SYSTEM SET max_logical_replication_workers = '0';"
"""Nothing is subscribed to: no process that looks for subscriptions."""

RETURNED = {"MALLOC_MMAP_THRESHOLD_": "131072", "MALLOC_TRIM_THRESHOLD_": "131072"}
"""Of the tuned servers' environment: glibc's thresholds as they are at the start. It raises both once a large block was
freed, and a backend then keeps megabytes that it has freed (mallopt(3), M_MMAP_THRESHOLD)."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """A server for each pair (settings, indexes). ``tuned`` are the commands that the tuned ones were given."""

    servers: dict[tuple[bool, bool], Running]
    tuned: list[str]

    def of(self, steps: Steps) -> Running:
        return self.servers[steps.settings, steps.indexes]


@contextmanager
def fleet(businesses: int) -> Iterator[Fleet]:
    """All four running, for the time of a run."""
    with made() as plain, ExitStack() as stack:
        _seed(plain, businesses)
        indexed = plain.copy(plain.data.with_name("indexed"))
        with indexed.running() as server, server.connected() as connection:
            _execute(connection, _indexes())
            _settled(connection)
        clusters, tuned = {}, []
        for has_indexes, one in ((False, plain), (True, indexed)):
            clusters[True, has_indexes] = one.copy(one.data.with_name(f"{one.data.name}-tuned"), **RETURNED)
            clusters[False, has_indexes] = one
            tuned = _tune(clusters[True, has_indexes])
        yield Fleet({pair: stack.enter_context(one.running()) for pair, one in clusters.items()}, tuned)


def _seed(cluster: Cluster, businesses: int) -> None:
    with cluster.running() as server:
        server.admin.execute(f"CREATE DATABASE {DATABASE}")
        with server.connected() as connection:
            connection.execute((SEED / "1_schema.sql").read_text())
            connection.execute(_data(businesses))
            _execute(connection, _keys())
            _settled(connection)


def _data(businesses: int) -> str:
    """The example's, or the same of fewer businesses."""
    return re.sub(r"\b200000\b", f"{businesses}", (SEED / "2_data.sql").read_text())


def _statements() -> list[str]:
    text = re.sub(r"--.*", "", (SEED / "3_indexes.sql").read_text())
    return [statement.strip() for statement in text.split(";") if statement.strip()]


def _keys() -> list[str]:
    """Primary keys and foreign keys: what the schema says."""
    return [one for one in _statements() if not one.startswith("CREATE ")]


def _indexes() -> list[str]:
    return [one for one in _statements() if not one.startswith("ALTER ")]


def _execute(connection: psycopg.Connection, statements: list[str]) -> None:
    for statement in statements:
        connection.execute(statement.encode())


def _settled(connection: psycopg.Connection) -> None:
    connection.execute("VACUUM (ANALYZE)")
    connection.execute("CHECKPOINT")


def _tune(cluster: Cluster) -> list[str]:
    with cluster.running() as server:
        size = server.admin.execute("SELECT pg_database_size(%s)", (DATABASE,)).fetchone()
        assert size
        machine = Machine(MEMORY, CORES, connections=CONNECTIONS, database=size[0])
        commands = [*lines(propose(server.admin, tune(Use.DESKTOP, machine))), UNSUBSCRIBED]
        _execute(server.admin, commands)
    return commands
