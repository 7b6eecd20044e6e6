"""The access log, its file, and a cache warmed from it, over a real PostgreSQL and Valkey."""

from __future__ import annotations

import datetime as dt
import decimal
import re
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg_pool import AsyncConnectionPool, ConnectionPool
from redis import Redis

from pytest_perfbudget.cache import AccessLog, AsyncQueryCache, QueryCache
from pytest_perfbudget.cache.queries.accesses import Warming
from pytest_perfbudget.cache.queries.calls import Call, call
from pytest_perfbudget.errors import CacheError
from pytest_perfbudget.units import DURATION_FORMS

ONE = "SELECT id, name FROM items WHERE id = %s"
NOW = 1_700_000_000.0

plain = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**62), 2**62), st.floats(allow_nan=False), st.text("xyz", max_size=5),
    st.binary(max_size=5), st.decimals(allow_nan=False, allow_infinity=False), st.dates(), st.datetimes(),
    st.datetimes(timezones=st.just(dt.UTC)), st.times(), st.uuids(),
)  # fmt: skip
parameters = st.one_of(st.none(), st.lists(st.one_of(plain, st.lists(plain, max_size=3)), max_size=4),
                       st.dictionaries(st.text("ab", min_size=1), plain, max_size=3))  # fmt: skip


def asked(parameter: Any = 7) -> Call:
    found = call(ONE, (parameter,))
    assert isinstance(found, Call)
    return found


@pytest.fixture
def pool(dsn: str) -> Iterator[ConnectionPool]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE items (id int PRIMARY KEY, name text NOT NULL)")
        connection.execute("INSERT INTO items SELECT n, 'item ' || n FROM generate_series(1, 100) n")
    with ConnectionPool(dsn, min_size=1, max_size=4) as pool:
        yield pool


@given(st.lists(st.tuples(parameters, st.none() | st.floats(0, 9)), max_size=8))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_what_is_saved_is_loaded(tmp_path: Path, accesses: list[tuple[Any, float | None]]) -> None:
    log = AccessLog()
    for place, (given_, taken) in enumerate(accesses):
        found = call("SELECT %s", given_)
        assert isinstance(found, Call)
        log.note(found, NOW + place, taken)
    log.save(tmp_path / "log")
    loaded = AccessLog.load(tmp_path / "log")
    assert loaded._accesses == log._accesses
    assert [(one.text, one.parameters) for one in loaded._calls.values()] == [
        (one.text, one.parameters) for one in log._calls.values()
    ]


@pytest.mark.parametrize("data", [b"", b"nothing", b"\x94\x02\x90\x90\x90", b"\x94\x01\x91\xa1x\x91\x92\x05\x90\x90"])
def test_another_file_is_no_access_log(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "log").write_bytes(data)
    with pytest.raises(CacheError, match="is no access log"):
        AccessLog.load(tmp_path / "log")


def test_a_statement_of_a_file_that_writes_is_not_loaded(tmp_path: Path) -> None:
    log = AccessLog()
    log.note(Call("DELETE FROM items", None, "", "name"), NOW, 0.1)
    log.save(tmp_path / "log")
    assert len(AccessLog.load(tmp_path / "log")) == 0


def test_the_log_keeps_the_last_accesses_only() -> None:
    log = AccessLog(most=3)
    for number in range(20):
        log.note(asked(number), NOW + number, None)
    assert len(log) == 3
    assert {one.key.parameters for one in log.ranked(NOW + 20, 3600)} == {(17,), (18,), (19,)}
    assert len(log._calls) <= 6


def test_executions_and_hits_are_noted(pool: ConnectionPool, redis_url: str) -> None:
    log = AccessLog()
    cache = QueryCache(redis_url, pool, log=log)
    cache.install()
    cache.fetch(ONE, (7,))
    cache.fetch(ONE, (7,))
    first, second = log._accesses
    assert first.key == second.key
    assert first.seconds is not None
    assert first.seconds > 0
    assert second.seconds is None
    assert abs(time.time() - second.at) < 60


def test_a_warmed_cache_answers_what_the_log_expects(
    pool: ConnectionPool, redis_url: str, redis: Redis, tmp_path: Path
) -> None:
    log = AccessLog()
    before = QueryCache(redis_url, pool, log=log)
    before.install()
    for number in (7, 8, 8):
        before.fetch(ONE, (number,))
    log.save(tmp_path / "log")
    redis.flushall()
    after = QueryCache(redis_url, pool, log=log)
    assert after.warm(AccessLog.load(tmp_path / "log"), budget="10 s") == 2
    assert after.report()["executed"] == 2
    assert after.fetch(ONE, (7,)) == [(7, "item 7")]
    assert after.fetch(ONE, (8,)) == [(8, "item 8")]
    assert after.report()["hits"] == 2
    assert len(log) == 5  # what warms is no access


def test_a_table_that_has_gone_does_not_stop_the_warming(pool: ConnectionPool, redis_url: str) -> None:
    log = AccessLog()
    cache = QueryCache(redis_url, pool)
    cache.install()
    for text in ("SELECT 1 FROM gone", ONE):
        found = call(text, (7,) if text == ONE else None)
        assert isinstance(found, Call)
        log.note(found, NOW, 0.001)
    assert cache.warm(log, budget="10 s") == 2
    cache.fetch(ONE, (7,))
    assert cache.report()["hits"] == 1


@pytest.mark.asyncio
async def test_the_async_cache_is_warmed_alike(pool: ConnectionPool, dsn: str, redis_url: str) -> None:
    async with AsyncConnectionPool(dsn, min_size=1, open=False) as apool:
        log = AccessLog()
        cache = AsyncQueryCache(redis_url, apool, log=log)
        await cache.install()
        await cache.fetch(ONE, (7,))
        await cache.fetch(ONE, (7,))
        assert [one.seconds is None for one in log._accesses] == [False, True]
        log.note(asked(8), time.time(), 0.001)
        assert await cache.warm(log, budget=10.0) == 2
        await cache.fetch(ONE, (8,))
        assert cache.report()["hits"] == 3
        await cache.close()


def test_the_budget_ends_the_warming_and_what_does_not_fit_is_passed_over() -> None:
    log = AccessLog()
    for number, (taken, times) in enumerate([(3.0, 9), (1.0, 5), (1.0, 2)]):
        for _ in range(times):
            log.note(asked(number), NOW, taken)
    now = 0.0
    plan = Warming(log, "2.5 s", 3600.0, lambda: now)
    seen = []
    for one in plan:
        seen.append(one.parameters)
        now += 1.0
    assert seen == [(1,), (2,)]
    assert plan.seen == 2


def test_a_budget_that_is_no_duration_is_refused(pool: ConnectionPool, redis_url: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        QueryCache(redis_url, pool).warm(AccessLog(), budget="soon")


def test_types_of_parameters_are_those_of_calls() -> None:
    assert call(ONE, (decimal.Decimal("1"),)) != call(ONE, (1,))
    assert isinstance(call(ONE, (uuid.uuid4(),)), Call)


def test_what_foretells_nothing_and_what_is_no_duration_say_what_to_write(tmp_path: Path) -> None:
    with pytest.raises(CacheError, match=r"no access log\n.*AccessLog\.load"):
        Warming(tmp_path / "accesses", "2 s", 60.0, lambda: 0.0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=re.escape(DURATION_FORMS)):
        Warming(AccessLog(), "2 sec", 60.0, lambda: 0.0)
