"""The identity of a statement: what it keeps apart and what it holds together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_perfbudget.statements import Kind, identity, kind, normalise, one_line, perf_name


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT * FROM t WHERE id = 1", "SELECT * FROM t WHERE id = 2"),
        ("SELECT * FROM t WHERE id = $1", "SELECT * FROM t WHERE id = 42"),
        ("SELECT * FROM t WHERE id IN (1, 2)", "SELECT * FROM t WHERE id IN ($1, $2, $3, $4)"),
        ("INSERT INTO t VALUES (1, 2)", "INSERT INTO t VALUES (3, 4)"),
        ("INSERT INTO t VALUES (1, 2), (3, 4)", "INSERT INTO t VALUES (1, 2), (3, 4), (5, 6)"),
        ("select *  from T\n where ID = 1", "SELECT * FROM t WHERE id = 1"),
        ("SELECT 1 -- here\n", "/* there */ SELECT 1"),
        ("SELECT 1;", "SELECT 1"),
    ],
)
def test_the_same_query(one: str, other: str) -> None:
    assert identity(one) == identity(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT * FROM t WHERE id = $1", "SELECT * FROM t WHERE id IN ($1)"),
        ("SELECT * FROM t WHERE id = $1", "SELECT * FROM t WHERE id = ANY($1)"),
        ("SELECT $1::int", "SELECT $1::text"),
        ("INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (1), (2)"),
        ('SELECT "Id" FROM t', 'SELECT "id" FROM t'),
        ("SELECT a FROM t", "SELECT b FROM t"),
    ],
)
def test_another_query(one: str, other: str) -> None:
    assert identity(one) != identity(other)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT 1", Kind.READ),
        ("-- why\n/* and */ (SELECT 1)", Kind.READ),
        ("VALUES (1)", Kind.READ),
        ("SELECT 1 FROM t FOR UPDATE", Kind.WRITE),
        ("WITH gone AS (DELETE FROM t RETURNING *) SELECT * FROM gone", Kind.WRITE),
        ("SELECT 1 INTO u", Kind.WRITE),
        ("MERGE INTO t USING u ON t.id = u.id WHEN MATCHED THEN DELETE", Kind.WRITE),
        ("INSERT INTO t VALUES (1)", Kind.WRITE),
        ("BEGIN", Kind.UTILITY),
        ("SET work_mem = '1MB'", Kind.UTILITY),
        ("", Kind.UTILITY),
        ("SELECT this is not sql", Kind.WRITE),
    ],
)
def test_whether_executing_it_again_could_change_anything(sql: str, expected: Kind) -> None:
    assert kind(sql) is expected


def test_a_comment_names_its_statement() -> None:
    assert perf_name("SELECT 1 /* perf: order.lines */") == "order.lines"
    assert perf_name("SELECT 1") is None


@given(st.text(max_size=60))
def test_any_text_has_an_identity_and_normalising_changes_nothing_twice(text: str) -> None:
    assert len(identity(text)) == 12
    assert normalise(text) == normalise(text)
    assert "\n" not in one_line(text)


@given(st.integers(0, 10**12), st.integers(0, 10**12), st.integers(1, 6))
def test_literals_and_the_length_of_lists_do_not_matter(one: int, other: int, length: int) -> None:
    listed = ", ".join(["7"] * length)
    first = f"SELECT a FROM t WHERE b = {one} AND c IN ({listed})"
    assert identity(first) == identity(f"SELECT a FROM t WHERE b = {other} AND c IN (1)")
