"""Hits compared with the database, while others write."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg_pool import ConnectionPool
from redis import Redis

from pytest_perfbudget.cache import QueryCache
from pytest_perfbudget.cache.checks import ALL, Checker, like, same
from pytest_perfbudget.cache.of_a_test import verified
from pytest_perfbudget.cache.queries.state import noted
from pytest_perfbudget.errors import CacheError, StaleError
from pytest_perfbudget.sites import Site

SITE = Site("app.py", 7, "get")
QUERY = "SELECT n FROM items ORDER BY n"


@pytest.fixture
def checker(dsn: str, direct: psycopg.Connection[Any]) -> Iterator[Checker]:
    direct.execute("CREATE TABLE items (n int)")
    direct.execute("INSERT INTO items VALUES (1), (2)")
    checker = Checker(lambda: psycopg.connect(dsn, autocommit=True))
    yield checker
    checker.close()


def hit(checker: Checker, rows: list[tuple[Any, ...]], query: str = QUERY, *, during: Any = None) -> None:
    with checker.reading(query, None, SITE) as read:
        if during:
            during()
        read.hit, read.rows = True, rows


def test_a_hit_that_is_what_the_database_says(checker: Checker) -> None:
    hit(checker, [(1,), (2,)])
    assert verified(checker) == 1


def test_a_hit_that_is_not(checker: Checker) -> None:
    hit(checker, [(1,)])
    (stale,) = checker.stale
    assert (stale.statement, stale.parameters, stale.site) == (QUERY, "None", SITE)
    assert (stale.cached, stale.current) == ("1 row  [(1,)]", "2 rows  [(1,), (2,)]")
    with pytest.raises(StaleError, match=r"app\.py:7") as caught:
        verified(checker)
    assert isinstance(caught.value, AssertionError)


@pytest.mark.parametrize("rows", [[(1,), (2,)], [(1,), (2,), (3,)]], ids=["before", "after"])
def test_a_commit_during_the_read_makes_neither_answer_stale(
    checker: Checker, direct: psycopg.Connection[Any], rows: list[tuple[Any, ...]]
) -> None:
    hit(checker, rows, during=lambda: direct.execute("INSERT INTO items VALUES (3)"))
    assert (checker.checked, checker.stale) == (1, [])


def test_an_answer_between_two_commits_is_undecided(checker: Checker, direct: psycopg.Connection[Any]) -> None:
    def twice() -> None:
        direct.execute("INSERT INTO items VALUES (3)")
        direct.execute("INSERT INTO items VALUES (4)")

    hit(checker, [(1,), (2,), (3,)], during=twice)
    assert (checker.checked, checker.stale, checker.undecided) == (0, [], 1)
    with pytest.raises(CacheError, match="1 hits were read while others wrote"):
        verified(checker)


def test_what_was_committed_before_the_read_counts(checker: Checker, direct: psycopg.Connection[Any]) -> None:
    direct.execute("DELETE FROM items WHERE n = 2")
    hit(checker, [(1,), (2,)])
    assert len(checker.stale) == 1


def test_a_miss_is_not_compared(checker: Checker) -> None:
    with checker.reading(QUERY, None, SITE):
        pass
    assert (checker.hits, checker.checked) == (0, 0)
    with pytest.raises(CacheError, match="nothing was verified"):
        verified(checker)


def test_the_first_reads_are_compared_and_then_each_sixteenth(checker: Checker) -> None:
    for _ in range(ALL + 32):
        hit(checker, [(1,), (2,)])
    assert (checker.hits, checker.checked) == (ALL + 32, ALL + 2)
    assert checker.sample() == ((QUERY, None, SITE),)


def test_a_database_that_cannot_be_asked_is_said(checker: Checker) -> None:
    broken = Checker(lambda: psycopg.connect("host=/nowhere"))
    hit(broken, [(1,), (2,)])
    assert broken.checked == 0
    with pytest.raises(CacheError, match="OperationalError"):
        verified(broken)


def test_a_lock_that_the_test_holds_itself_is_not_waited_for(
    checker: Checker, direct: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytest_perfbudget.cache.checks._PATIENCE", 0.05)
    with direct.transaction():
        direct.execute("LOCK TABLE items")
        hit(checker, [(1,), (2,)])
    with pytest.raises(CacheError, match="LockNotAvailable"):
        verified(checker)
    hit(checker, [(1,), (2,)])
    assert verified(checker) == 1


@pytest.mark.parametrize(
    ("query", "one", "other", "expected"),
    [
        ("SELECT n FROM items", [(1,), (2,)], [(2,), (1,)], True),
        ("SELECT n FROM items ORDER BY n", [(1,), (2,)], [(2,), (1,)], False),
        ("SELECT n FROM items", [(1,), (1,)], [(1,)], False),
        ("SELECT 'NaN'::float8", [(float("nan"),)], [(float("nan"),)], True),
        ("SELECT 1", [(1,)], [(1.0,)], False),
    ],
)
def test_what_is_the_same(query: str, one: list[Any], other: list[Any], expected: bool) -> None:
    assert same(query, one, other) is expected


def test_connections_like_the_pool_s(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SET TimeZone = 'Asia/Tokyo'")
        connection.execute("SET search_path = pg_temp, public")
        with like(connection)() as made:
            assert made.execute("SELECT current_setting('TimeZone'), current_setting('search_path')").fetchone() == (
                "Asia/Tokyo",
                "pg_temp, public",
            )


def test_what_became_of_a_fetch_is_noted(
    dsn: str, redis_url: str, redis: Redis, direct: psycopg.Connection[Any]
) -> None:
    direct.execute("CREATE TABLE items (n int)")
    with ConnectionPool(dsn, min_size=1, open=True) as pool:
        cache = QueryCache(redis_url, pool)
        cache.install()
        with noted() as outer:
            with noted() as first:
                cache.fetch(QUERY)
            with noted() as second:
                cache.fetch(QUERY)
        cache.fetch(QUERY)
        cache.close()
    assert "executed" in first
    assert second == ["hits"]
    assert outer == [*first, *second]
