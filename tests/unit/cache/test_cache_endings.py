"""Texts that end a transaction: announced where they stand alone, refused where they are hidden among others."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg_pool import ConnectionPool

from pytest_perfbudget.cache import QueryCache
from pytest_perfbudget.cache.queries.endings import Before, before
from pytest_perfbudget.errors import CacheError

BODY = "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 2 END; END"
WITHIN = [
    "BEGIN; DELETE FROM items; COMMIT",
    "START TRANSACTION; DELETE FROM items; END WORK",
    "ROLLBACK; DELETE FROM items",
    "abort; DELETE FROM items;",
    "SELECT 1; ROLLBACK; DELETE FROM items",
    "SELECT 1; ROLLBACK TRANSACTION; DELETE FROM items",
    "DELETE FROM items; /* ; */ COMMIT",
    "DELETE FROM items; COMMIT AND CHAIN; SELECT 1",
    "DELETE FROM items; PREPARE TRANSACTION 'x'",
    f"{BODY}; END",
    f"{BODY}; COMMIT",
]


@pytest.mark.parametrize("text", WITHIN)
def test_the_end_of_a_transaction_among_other_statements_is_refused(text: str) -> None:
    with pytest.raises(CacheError, match="within a text of several statements"):
        before(text, None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("COMMIT", Before.COMMIT),
        ("end work;", Before.COMMIT),
        ("BEGIN", Before.NOTHING),
        ("BEGIN; DELETE FROM items", Before.NOTHING),
        ("ROLLBACK", Before.NOTHING),
        ("ROLLBACK TO SAVEPOINT s", Before.NOTHING),
        ("COMMIT PREPARED 'x'", Before.NOTHING),
        ("SAVEPOINT s; DELETE FROM items; ROLLBACK TO s; ROLLBACK WORK TO SAVEPOINT s; RELEASE s", Before.BEGIN),
        ("PREPARE p AS SELECT 1; EXECUTE p", Before.BEGIN),
        ("SELECT 'a; COMMIT'; SELECT $$; COMMIT$$; -- ; COMMIT", Before.BEGIN),
        (BODY, Before.BEGIN),
        (f"{BODY}; SELECT 1", Before.BEGIN),
        (f"{BODY}; {BODY}", Before.BEGIN),
        ("", Before.BEGIN),
        (";;", Before.BEGIN),
    ],
)
def test_what_comes_before_a_statement(text: str, expected: Before) -> None:
    assert before(text, None) is expected


STATEMENTS = st.lists(st.sampled_from(("SELECT 1", "DELETE FROM items", "SAVEPOINT s", "ROLLBACK TO s", BODY)))


@given(STATEMENTS, st.sampled_from(("COMMIT", "END", "ROLLBACK", "ABORT", "PREPARE TRANSACTION 'x'")), STATEMENTS)
def test_wherever_it_stands_among_others(ahead: list[str], ending: str, after: list[str]) -> None:
    if ahead or after:
        with pytest.raises(CacheError):
            before("; ".join([*ahead, ending, *after]), None)
    if others := [*ahead, *after]:
        before("; ".join(others), None)


@pytest.fixture
def cache(dsn: str, redis_url: str, direct: psycopg.Connection[tuple[object, ...]]) -> Iterator[QueryCache]:
    direct.execute("CREATE TABLE items (id int)")
    direct.execute("INSERT INTO items VALUES (1)")
    with ConnectionPool(dsn, min_size=1, max_size=2) as pool:
        cache = QueryCache(redis_url, pool)
        cache.install()
        yield cache
        cache.close()


@pytest.mark.parametrize("text", WITHIN[:5])
def test_nor_by_a_read(cache: QueryCache, direct: psycopg.Connection[tuple[object, ...]], text: str) -> None:
    with pytest.raises(CacheError):
        cache.fetch(text)
    cache.fetch("DELETE FROM items; SELECT 1")
    assert direct.execute("SELECT count(*) FROM items").fetchone() == (0,)


@pytest.mark.parametrize("text", WITHIN[:5])
def test_what_it_would_have_committed_is_not_stale(
    cache: QueryCache, direct: psycopg.Connection[tuple[object, ...]], text: str
) -> None:
    cache.fetch("SELECT count(*) FROM items")
    with cache.connection() as connection, pytest.raises(CacheError):
        connection.execute(text)
    truth = direct.execute("SELECT count(*) FROM items").fetchall()
    assert cache.fetch("SELECT count(*) FROM items") == truth
    assert cache.report()["hits"] == 1
