"""Databases of ours on a server: what dead runs left is dropped, by however many at once, and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from pytest_perfbudget.postgres import Server, markers
from pytest_perfbudget.postgres.markers import CLONE, Marker, drop, drop_leftovers, ours, run_key

NAMES = [f"perfbudget_left_{number}" for number in range(5)]
_INVALID = "update pg_database set datconnlimit = -2 where datname = %s"
"""What DROP DATABASE does first, so that nobody uses what is left where it is interrupted."""


@pytest.fixture
def left(server: Server) -> Iterator[list[str]]:
    """Databases of a run that is dead."""
    for name in NAMES:
        made(server.admin, name, "dead")
    yield NAMES
    for name in NAMES:
        drop(server.admin, name)


def made(admin: psycopg.Connection, name: str, run: str) -> None:
    admin.execute(f'CREATE DATABASE "{name}"')
    admin.execute(Marker(CLONE, run).comment(name))


def test_several_workers_drop_what_a_dead_run_left_at_the_same_moment(server: Server, left: list[str]) -> None:
    together = threading.Barrier(4)

    def worker(_: int) -> list[str]:
        with server.connect() as admin:
            together.wait()
            return drop_leftovers(admin)

    with ThreadPoolExecutor(4) as workers:
        dropped = list(workers.map(worker, range(4)))
    assert {name for names in dropped for name in names} >= set(left)
    assert not [database for database in ours(server.admin) if database.name in left]


def test_what_an_interrupted_drop_left_is_dropped(server: Server, left: list[str]) -> None:
    server.admin.execute(_INVALID, [left[0]])
    assert left[0] in drop_leftovers(server.admin)
    assert left[0] not in {database.name for database in ours(server.admin)}


def test_a_run_that_begins_while_leftovers_are_looked_for_keeps_its_database(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with server.connect() as beginning:

        def begin(admin: psycopg.Connection) -> list[markers.Marked]:
            beginning.execute("select pg_advisory_lock_shared(%s)", [run_key("beginning")])
            made(beginning, "perfbudget_beginning", "beginning")
            return ours(admin)

        monkeypatch.setattr(markers, "ours", begin)
        assert "perfbudget_beginning" not in drop_leftovers(server.admin)
        assert drop(server.admin, "perfbudget_beginning")
