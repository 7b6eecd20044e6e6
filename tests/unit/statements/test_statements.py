"""The identity of a statement: what it keeps apart and what it holds together."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sql_texts import DIFFERENT, PIECES, layouts, literals

from pytest_perfbudget.statements import Kind, identity, kind, normalise, one_line, verb


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
        ("SELECT a FROM t WHERE b=1 AND (c,d)>(1,2)", "SELECT a FROM t WHERE b = 1 AND ( c , d ) > ( 1 , 2 )"),
        ("INSERT INTO t(a,b) VALUES(1,2)", "INSERT INTO t (a, b) VALUES (1, 2)"),
        ("SELECT 1 /* a /* nested */ comment */", "SELECT 1"),
        ("SELECT * FROM t WHERE id IN (1::int, 2::int)", "SELECT * FROM t WHERE id IN ($1::int)"),
        ("SELECT * FROM t WHERE (a, b) IN ((1, 2))", "SELECT * FROM t WHERE (a, b) IN ((1, 2), (3, 4))"),
        ("SELECT * FROM t WHERE id = ANY(ARRAY[1])", "SELECT * FROM t WHERE id = ANY(ARRAY[1, 2, 3])"),
        ("INSERT INTO t VALUES (1, f(2)), (2, f(3))", "INSERT INTO t VALUES (1, f(2)), (2, f(3)), (3, f(4))"),
        ("INSERT INTO t VALUES (1, DEFAULT), (1, 2)", "INSERT INTO t VALUES (1, DEFAULT), (1, 2), (3, DEFAULT)"),
        ("SELECT 1 WHERE 2 != 3", "SELECT 1 WHERE 2 <> 3"),
        ("SELECT * FROM t WHERE a = -1", "SELECT * FROM t WHERE a = 1"),
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
        ("/* a /* nested */ one */ SELECT a FROM t WHERE b = %s AND c = %(name)s", Kind.READ),
        ("SELECT a FROM t WHERE b = ? AND c = :name", Kind.READ),
        ("SELECT a FROM t WHERE b = ? FOR UPDATE", Kind.WRITE),
    ],
)
def test_whether_executing_it_again_could_change_anything(sql: str, expected: Kind) -> None:
    assert kind(sql) is expected


@pytest.mark.parametrize(
    ("sql", "first"),
    [("BEGIN", "begin"), (" /* shop */ Copy t TO STDOUT", "copy"), ("-- x\n((SELECT 1))", "select"), (" ; ", "")],
)
def test_the_first_word_is_behind_comments(sql: str, first: str) -> None:
    assert verb(sql) == first


def test_statements_that_differ_have_identities_that_differ() -> None:
    names: dict[str, str] = {}
    for sql in DIFFERENT:
        assert names.setdefault(identity(sql), sql) == sql


@given(st.data())
def test_layout_does_not_matter(data: st.DataObject) -> None:
    sql = data.draw(st.sampled_from(DIFFERENT))
    assert normalise(data.draw(layouts(sql))) == normalise(sql)


@given(st.data())
def test_literals_do_not_matter(data: st.DataObject) -> None:
    template = data.draw(
        st.sampled_from(
            [
                "SELECT {}, a FROM t WHERE b = {} AND c BETWEEN {} AND {} LIMIT {}",
                "INSERT INTO t (a, b) VALUES ({}, {}) ON CONFLICT (a) DO UPDATE SET b = {}",
                "UPDATE t SET a = {} WHERE b = f({}, {}::text) RETURNING a",
                "SELECT a FROM t WHERE b IN ({}, {}) AND c = {}",
            ]
        )
    )
    assert normalise(data.draw(literals(template))) == normalise(data.draw(literals(template)))


@given(st.data())
def test_the_normal_form_is_its_own_normal_form(data: st.DataObject) -> None:
    normal = normalise(data.draw(layouts(data.draw(st.sampled_from(DIFFERENT)))))
    assert normalise(normal) == normal


@given(
    st.text(max_size=60)
    | st.lists(st.sampled_from(PIECES)).map(" ".join)
    | st.lists(st.sampled_from(PIECES)).map("".join)
)
def test_any_text_has_an_identity(text: str) -> None:
    assert len(identity(text)) == 12
    assert normalise(f" {text}\n") == normalise(text)
    assert "\n" not in one_line(text)
    assert kind(text) in Kind


@given(st.integers(0, 10**12), st.integers(0, 10**12), st.integers(1, 6))
def test_literals_and_the_length_of_lists_do_not_matter(one: int, other: int, length: int) -> None:
    listed = ", ".join(["7"] * length)
    first = f"SELECT a FROM t WHERE b = {one} AND c IN ({listed})"
    assert identity(first) == identity(f"SELECT a FROM t WHERE b = {other} AND c IN (1)")


def test_the_recorded_baselines_keep_their_identities() -> None:
    files = list((Path(__file__).parents[3] / "budgets" / "baselines").rglob("*.json"))
    tests = [test for file in files for test in json.loads(file.read_text())["tests"].values()]
    queries = [query for test in tests for query in test["queries"]]
    assert queries
    assert [query["sql"] for query in queries if identity(query["sql"]) != query["id"]] == []
