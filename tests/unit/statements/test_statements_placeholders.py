"""A statement is the same whichever driver wrote its placeholders."""

from __future__ import annotations

import pytest

from pytest_perfbudget.statements import identity, normalise
from pytest_perfbudget.statements.placeholders import question_marks_and_names, server_side

TEMPLATES = (
    "SELECT * FROM t WHERE id = {} AND b > {} LIMIT {}",
    "SELECT * FROM t WHERE id={} AND b>={}",
    "SELECT * FROM t WHERE id IN ({}, {}) OR a LIKE {} || 'x%'",
    "SELECT * FROM t WHERE id = ANY({}) AND when_ > now() - {}::interval",
    "INSERT INTO t (a, b) VALUES ({}, {}), ({}, {}) ON CONFLICT DO NOTHING",
    "UPDATE t SET a = {}, b = b + {} WHERE id = {} RETURNING a",
    "SELECT a[{}], '%s', $$:name ?$$, \"%s\" FROM t /* %s */ WHERE b = {} -- 100% :sure?",
    "SELECT f({}, x => {}) - {} FROM t",
)
FORMS = {
    "psycopg": "%s",
    "psycopg, binary": "%(p1)b",
    "psycopg, text": "%(p1)t",
    "psycopg, named": "%(p1)s",
    "SQLAlchemy": ":p1",
    "JDBC, SQLite": "?",
    "literal": "17",
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("template", TEMPLATES)
def test_one_identity_for_all_forms(template: str, form: str) -> None:
    count = template.count("{}")
    server = template.format(*(f"${number}" for number in range(1, count + 1)))
    assert normalise(template.format(*[FORMS[form]] * count)) == normalise(server)


def test_a_doubled_percent_sign_is_one_where_the_driver_makes_it_one() -> None:
    assert identity("SELECT a %% 2 FROM t WHERE b = %s") == identity("SELECT a % 2 FROM t WHERE b = $1")
    assert identity("SELECT a %% 2 FROM t") != identity("SELECT a % 2 FROM t")
    assert server_side("SELECT '%%', a%%2, %s") == "SELECT '%%', a%2,  $1 "


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT doc ? 'a', doc ?| array['b'], doc @? '$.c' FROM t WHERE id = $1",
        "SELECT a % s2 FROM t",
        "SELECT a[1:2], b::text, f(c := 1) FROM t",
        "SELECT '%s', \"%(x)s\", $$ %s $$ FROM t -- %s",
    ],
)
def test_operators_and_quoted_text_are_no_placeholders(sql: str) -> None:
    assert server_side(sql) == sql


def test_an_operator_before_a_question_mark_stays() -> None:
    assert " ".join(question_marks_and_names("a=? AND b>=? AND c @? d").split()) == "a= $1 AND b>= $1 AND c @? d"
    assert question_marks_and_names("a::text = :a_1") == "a::text =  $1 "
