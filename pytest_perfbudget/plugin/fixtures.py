"""The fixtures: ``perf``, ``perf_pg``, ``perf_db``, ``perf_replica``. None is autouse."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_perfbudget.postgres.server import Server
    from pytest_perfbudget.session.perf import Perf
    from pytest_perfbudget.session.place import Database
    from pytest_perfbudget.session.standby import ReplicaDatabase


@pytest.fixture(scope="session")
def perf_pg(request: pytest.FixtureRequest) -> Server:
    """The PostgreSQL server of this run: ``.version``, ``.major``, ``.kind``, ``.dsn(database)``."""
    from pytest_perfbudget.plugin import state_of
    from pytest_perfbudget.plugin.lifecycle import as_failure

    place = state_of(request.config).place
    with as_failure():
        place.open()
        return place.server


@pytest.fixture
def perf_db(request: pytest.FixtureRequest, perf_pg: Server) -> Database:
    """A seeded database of this test's own: ``.dsn``, ``.name``. What the test writes nobody else sees."""
    from pytest_perfbudget.plugin import state_of
    from pytest_perfbudget.plugin.lifecycle import as_failure

    with as_failure():
        return state_of(request.config).place.fresh(request.node.nodeid)


@pytest.fixture
def perf_replica(request: pytest.FixtureRequest, perf_db: Database) -> ReplicaDatabase:
    """The test's database on a streaming standby: ``.dsn``, ``.name``, ``.lag()``. Read-only, as it was when the test
    began; ``.lag()`` waits until what was written since is there, and says how long that took."""
    from pytest_perfbudget.plugin import state_of
    from pytest_perfbudget.plugin.lifecycle import as_failure

    with as_failure():
        return state_of(request.config).place.standby.database(perf_db.name)


@pytest.fixture
def perf(perf_db: Database, request: pytest.FixtureRequest) -> Iterator[Perf]:
    """``perf.run(sql, params, case=…)`` measures one statement and returns its rows."""
    from pytest_perfbudget.plugin import state_of
    from pytest_perfbudget.session.perf import Perf

    with Perf(perf_db, state_of(request.config).place.hub) as measured:
        yield measured
