from __future__ import annotations

import pytest

from pytest_perfbudget.statements.canonical import canonical


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        ("SELECT  count( * ),A.b FROM t ;", "select count(*), a.b from t"),
        ("INSERT INTO s.t(a)VALUES($1)", "insert into s.t (a) values (?)"),
        ("a FROM t WHERE(b,c)>($1,$2)and d=any($3::int[ ])", "a from t where (b, c) > (?, ?) and d = any(?::int[])"),
        ("x IN ($1)", "x in (?, …)"),
        ("x IN ($1, $2::numeric(10,2), $3)", "x in (?, ?::numeric(10, 2), …)"),
        ("x IN (($1, $2), ($3, $4))", "x in ((?, ?), …)"),
        ("x IN (a, $1)", "x in (a, ?)"),
        ("x IN (SELECT y FROM u)", "x in (select y from u)"),
        ("x = ANY(ARRAY[$1, $2])", "x = any(array[?, …])"),
        ("VALUES ($1, DEFAULT), ($2, $3), ($4, DEFAULT)", "values (?, default), (?, ?), …"),
        ("VALUES ($1), ($2) UNION VALUES ($3)", "values (?), … union values (?)"),
        ("f((VALUES ($1), ($2)), x IN ($3))", "f((values (?), …), x in (?, …))"),
        ("((a", "((a"),
        ("a))", "a))"),
        ("values (", "values ("),
        ("in (", "in ("),
        ("", ""),
        (";;", ""),
    ],
)  # fmt: skip
def test_one_way_to_write_it(sql: str, text: str) -> None:
    assert canonical(sql) == text
    assert canonical(text) == text


def test_brackets_nest_as_deep_as_they_like() -> None:
    assert canonical("(" * 3000 + "A" + ")" * 3000) == "(" * 3000 + "a" + ")" * 3000
