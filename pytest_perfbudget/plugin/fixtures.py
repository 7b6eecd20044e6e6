"""The fixtures: ``perf``, ``perf_pg``, ``perf_db``, ``perf_pool``, ``perf_apool``, ``perf_pgbouncer``, ``perf_redis``,
``perf_cache``, ``perf_acache``, ``perf_replica``. None is autouse."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pytest_perfbudget.cache.of_a_test import AsyncQueryCacheOfATest, QueryCacheOfATest
    from pytest_perfbudget.cache.server import RedisDatabase
    from pytest_perfbudget.pool.adaptive import AdaptivePool
    from pytest_perfbudget.pool.adaptive_async import AsyncAdaptivePool
    from pytest_perfbudget.postgres.pgbouncer import PgBouncer
    from pytest_perfbudget.postgres.server import Server
    from pytest_perfbudget.session.perf import Perf
    from pytest_perfbudget.session.place import Place
    from pytest_perfbudget.session.standby import ReplicaDatabase
    from pytest_perfbudget.session.succession import Database


@pytest.fixture(scope="session")
def perf_pg(request: pytest.FixtureRequest) -> Server:
    """The PostgreSQL server of this run: ``.version``, ``.major``, ``.kind``, ``.tls``, ``.dsn(database)``."""
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
    """``perf.run(sql, params, case=…)`` measures one statement and returns its rows; ``with perf.capture() as seen:``
    shows what a part of the test sends, ``perf.statements`` what was sent so far."""
    from pytest_perfbudget.plugin import state_of
    from pytest_perfbudget.session.perf import Perf

    place = state_of(request.config).place
    with Perf(perf_db, place.hub, place.drivers) as measured:
        yield measured


@pytest.fixture
def perf_redis(request: pytest.FixtureRequest) -> RedisDatabase:
    """A Redis database of this worker's own, empty when it begins: ``.dsn`` (or ``.url``), ``.kind``, ``.version``."""
    from pytest_perfbudget.plugin import state_of
    from pytest_perfbudget.plugin.lifecycle import as_failure

    with as_failure():
        return state_of(request.config).redis.fresh()


@pytest.fixture
def perf_pool(perf_db: Database) -> Iterator[AdaptivePool[Any]]:
    """A pool of connections to the test's database, open: psycopg_pool's methods, see ``pytest_perfbudget.pool``."""
    from pytest_perfbudget.plugin.lifecycle import as_failure

    with as_failure():
        from pytest_perfbudget.pool.of_a_test import leaks, pool_of_a_test

    with pool_of_a_test(perf_db.dsn) as pool:
        yield pool
        warn(leaks("perf_pool", pool.taken()))


@pytest.fixture
def perf_apool(perf_db: Database) -> Iterator[AsyncAdaptivePool[Any]]:
    """The same for asyncio. It opens itself in the event loop of its first use, and belongs to that loop."""
    from pytest_perfbudget.plugin.lifecycle import as_failure

    with as_failure():
        from pytest_perfbudget.pool.of_a_test import async_pool_of_a_test, leaks

    with async_pool_of_a_test(perf_db.dsn) as pool:
        yield pool
        warn(leaks("perf_apool", pool.taken()))


@pytest.fixture
def perf_cache(
    request: pytest.FixtureRequest, perf_db: Database, perf_pool: AdaptivePool[Any], perf_redis: RedisDatabase
) -> Iterator[QueryCacheOfATest]:
    """A ``QueryCache`` over ``perf_pool`` and ``perf_redis``, installed. A sample of its hits is compared with the
    database while they are made; ``.verify()`` fails on any that differ."""
    from pytest_perfbudget.cache.of_a_test import cache_of_a_test, left

    place, root = _place_of(request)
    with cache_of_a_test(perf_redis.url, perf_pool, perf_db.dsn, place.hub.mute, root) as cache:
        yield cache
        warn(left("perf_cache", cache))


@pytest.fixture
def perf_acache(
    request: pytest.FixtureRequest, perf_db: Database, perf_apool: AsyncAdaptivePool[Any], perf_redis: RedisDatabase
) -> Iterator[AsyncQueryCacheOfATest]:
    """The same for asyncio, an ``AsyncQueryCache`` over ``perf_apool``. It belongs to the loop of its first use."""
    from pytest_perfbudget.cache.of_a_test import async_cache_of_a_test, left

    place, root = _place_of(request)
    with async_cache_of_a_test(perf_redis.url, perf_apool, perf_db.dsn, place.hub.mute, root) as cache:
        yield cache
        warn(left("perf_acache", cache))


@pytest.fixture
def perf_pgbouncer(perf_db: Database) -> Iterator[PgBouncer]:
    """A PgBouncer before the test's database, in transaction mode: ``.dsn``, ``.version``, ``.show("POOLS")``."""
    from pytest_perfbudget.plugin.lifecycle import as_failure
    from pytest_perfbudget.postgres.pgbouncer import PgBouncer

    with as_failure(), PgBouncer(perf_db.dsn) as bouncer:
        yield bouncer


def _place_of(request: pytest.FixtureRequest) -> tuple[Place, str]:
    """Where the test runs, and the folder its lines are shown relative to."""
    from pytest_perfbudget.plugin import state_of

    state = state_of(request.config)
    return state.place, str(state.options.root)


def warn(text: str) -> None:
    """What a test left behind, as a warning of that test; ``pool.leaked`` and ``cache.stale`` make it a failure."""
    if text:
        warnings.warn(pytest.PytestWarning(f"perfbudget: {text}"), stacklevel=1)
