from __future__ import annotations

import string
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_perfbudget.statements import identity
from pytest_perfbudget.statements.comments import names


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("SELECT 1", []),
        ("SELECT 1 /* perf: order.lines */", ["order.lines"]),
        ("/* perf: a */ SELECT 1 /* perf: b */", ["a", "b"]),
        ("SELECT 1 /* a note */", []),
        ("SELECT 1 /*action='recent'*/", ["recent"]),
        ("/*controller='orders',action='recent'*/ SELECT 1", ["orders", "recent"]),
        ("SELECT 1 /*framework='django%3A5.2',route='%2Forders',traceparent='00-5bd6-01'*/", ["/orders"]),
        ("SELECT 1 /*job='Ship%20it'*/", ["Ship it"]),
    ],
)  # fmt: skip
def test_the_names_in_comments(sql: str, found: list[str]) -> None:
    assert list(names(sql)) == found


@given(st.text(min_size=1), st.text(string.hexdigits))
def test_a_route_is_read_back_whatever_it_is_and_makes_no_other_statement(route: str, trace: str) -> None:
    comment = f"/*route='{quote(route, safe='')}',traceparent='{trace}'*/"
    assert list(names(f"SELECT 1 {comment}")) == [route]
    assert identity(f"SELECT 1 {comment}") == identity("SELECT 1")
