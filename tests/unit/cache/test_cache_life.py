"""An entry from its first byte to its end: how it is compressed, and who renews it before it ends."""

from __future__ import annotations

import math
import random
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg_pool import ConnectionPool
from redis import Redis

from pytest_perfbudget.cache import QueryCache, Settings
from pytest_perfbudget.cache.queries import entries, reads
from pytest_perfbudget.cache.queries.entries import Entry
from pytest_perfbudget.cache.queries.state import State

ALL = "SELECT id, name FROM items ORDER BY id"


@pytest.fixture
def pool(items: str) -> Iterator[ConnectionPool]:
    with ConnectionPool(items, min_size=1, max_size=4) as pool:
        QueryCache("redis://127.0.0.1:1", pool).install()
        yield pool


def test_one_caller_renews_an_entry_before_it_ends_others_take_it_as_it_is(
    pool: ConnectionPool, redis_url: str, redis: Redis
) -> None:
    cache = QueryCache(redis_url, pool, Settings(early=1e12))
    assert cache.fetch(ALL) == cache.fetch(ALL)
    assert cache.report() == {"executed": 2, "kept": 2, "early": 1}
    (name,) = redis.scan_iter("*:e:*")
    flight = name.replace(b":e:", b":f:")
    redis.set(flight, "another caller's")
    assert len(cache.fetch(ALL)) == 100
    assert cache.report() == {"executed": 2, "kept": 2, "early": 1, "hits": 1}
    redis.delete(flight)
    assert QueryCache(redis_url, pool, Settings(early=0)).fetch(ALL) == cache.fetch(ALL)


def state(early: float, drawn: float, now: float) -> State:
    return State(Settings(early=early), lambda: 0.0, lambda: drawn, wall=lambda: now)


@given(
    st.floats(0.001, 10), st.floats(0, 5), st.floats(0, 1, exclude_max=True), st.integers(-50, 50), st.integers(1, 50)
)
def test_the_longer_it_took_and_the_nearer_its_end_the_likelier(
    took: float, early: float, drawn: float, left: int, more: int
) -> None:
    entry = Entry({}, [], [], [], until=1000.0, took=took)
    now = reads.due(state(early, drawn, 1000.0 - left), entry)
    assert not (now and left <= 0)  # a clock that is late would renew it for ever
    assert not (now and early == 0)
    if not now and left > 0:
        assert not reads.due(state(early, drawn, 1000.0 - left - more), entry)


def test_it_is_renewed_one_statement_s_time_before_its_end_on_average() -> None:
    drawn = random.Random(7)
    entry = Entry({}, [], [], [], until=100.0, took=2.0)
    ahead = sum(
        reads.due(State(Settings(), lambda: 0.0, drawn.random, wall=lambda: 98.0), entry) for _ in range(20_000)
    )
    assert ahead / 20_000 == pytest.approx(math.exp(-1), abs=0.02)


def encoded(entry: Entry, monkeypatch: pytest.MonkeyPatch, module: Any) -> bytes:
    with monkeypatch.context() as patched:
        patched.setattr(entries, "zstd", module)
        data = entries.encode(entry, "name", b"", 100, 100_000)
    assert data
    return data


def test_what_is_compressed_by_zstd_is_read_where_it_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = Entry({"s": "1"}, ["name"], [25], [[b"the same"]] * 1000, 1.0, 2.0)
    assert entries.zstd
    by_zstd, by_zlib = (encoded(entry, monkeypatch, module) for module in (entries.zstd, None))
    place = len(entries.FORMAT) + entries._DIGEST
    assert (by_zstd[place], by_zlib[place]) == (2, 1)
    assert len(by_zstd) < len(by_zlib) < 1000
    for data in (by_zstd, by_zlib):
        assert entries.decode(data, "name", b"", 100_000) == entry
        assert entries.decode(data, "name", b"", 1000) is None  # larger than an entry may be
    monkeypatch.setattr(entries, "zstd", None)
    assert entries.decode(by_zlib, "name", b"", 100_000) == entry
    assert entries.decode(by_zstd, "name", b"", 100_000) is None


@pytest.mark.parametrize("compress_from", [100, 1_000_000])
def test_what_would_be_refused_for_its_size_is_not_kept(
    pool: ConnectionPool, redis_url: str, redis: Redis, compress_from: int
) -> None:
    cache = QueryCache(redis_url, pool, Settings(largest=2000, compress_from=compress_from))
    for _ in range(2):
        assert cache.fetch("SELECT repeat('a', 4000)") == [("a" * 4000,)]
    assert cache.report() == {"executed": 2, "too_large": 2}
    assert not list(redis.scan_iter("*:e:*"))
    assert cache.fetch("SELECT repeat('a', 1500)") == cache.fetch("SELECT repeat('a', 1500)")
    assert cache.report()["hits"] == 1


@pytest.mark.parametrize("how", [b"\x01", b"\x02", b"\x03"])
def test_a_body_that_is_not_compressed_as_it_says_is_refused(how: bytes) -> None:
    for body in (b"", b"nothing", zlib.compress(b"x")[:-1]):
        content = how + body
        data = entries.FORMAT + entries._digest(content, "name", b"") + content
        assert entries.decode(data, "name", b"", 1000) is None


def test_processes_with_and_without_zstd_share_a_cache(
    pool: ConnectionPool, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_it = QueryCache(redis_url, pool, Settings(compress_from=100))
    right = with_it.fetch(ALL)
    with monkeypatch.context() as patched:
        patched.setattr(entries, "zstd", None)
        without = QueryCache(redis_url, pool, Settings(compress_from=100))
        assert without.fetch(ALL) == without.fetch(ALL) == right
        assert without.report()["refused"] >= 1
    assert with_it.fetch(ALL) == right
    assert with_it.report()["hits"] == 1
