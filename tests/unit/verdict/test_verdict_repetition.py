"""N+1: what is repeated, and for the rows of what."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from verdict_data import budget, evidence, scan

from pytest_perfbudget.model import Finding, Origin, Site, Statement
from pytest_perfbudget.verdict.judge import Bench, judge
from pytest_perfbudget.verdict.repetition import MOST

ORDERS, LINES = "SELECT * FROM orders", "SELECT * FROM lines WHERE o = $1"
PRODUCT = "SELECT * FROM products WHERE p = $1"


def sent(sql: str, rows: int, line: int, **more: Any) -> Statement:
    return Statement(sql, site=Site("app.py", line, f"f{line}"), rows=rows, plans=[scan()], **more)


def finding(*statements: Statement) -> Finding:
    from datetime import date

    judgement = judge(budget(queries={"repeated": 1}), evidence(*statements), None, Bench(date(2026, 1, 1)))
    (found,) = [one for one in judgement.findings if one.code == "queries.repeated"]
    return found


def test_the_parent_is_the_statement_with_as_many_rows() -> None:
    found = finding(sent(ORDERS, 3, 1), sent("SELECT 1", 1, 5), *[sent(LINES, 4, 2) for _ in range(3)])
    assert found.detail == (
        "repeated   3 times at app.py:2 (f2)",
        f"           {LINES}",
        "parent     3 rows at app.py:1 (f1)",
        f"           {ORDERS}",
    )
    assert found.site == Site("app.py", 2, "f2")
    assert found.fix == "send it once for all 3: WHERE … = ANY(…) with their values, or a join in the parent"


def test_what_runs_as_often_is_another_part_of_the_loop() -> None:
    loop = [one for _ in range(3) for one in (sent(LINES, 1, 2), sent(PRODUCT, 1, 3))]
    parents = [query.repetition and query.repetition.parent for query in evidence(sent(ORDERS, 3, 1), *loop).queries]
    assert [parent and parent.sql for parent in parents] == [None, ORDERS, ORDERS]


def test_a_loop_within_a_loop_has_the_inner_parent() -> None:
    inner = [sent(LINES, 4, 2), *[sent(PRODUCT, 1, 3) for _ in range(4)]]
    found = finding(sent(ORDERS, 3, 1), *inner * 3)
    assert found.detail[2:] == ("parent     12 rows in 3 executions at app.py:2 (f2)", f"           {LINES}")


def test_equal_keys_need_no_statement_twice() -> None:
    found = finding(sent(ORDERS, 20, 1), *[sent(LINES, 1, 2) for _ in range(5)])
    assert found.detail[2] == "parent     20 rows at app.py:1 (f1)"


def test_the_exact_number_goes_before_the_nearer_statement() -> None:
    found = finding(sent(ORDERS, 5, 1), sent("SELECT * FROM users", 50, 9), *[sent(LINES, 1, 2) for _ in range(5)])
    assert found.detail[3] == f"           {ORDERS}"


def test_a_statement_with_fewer_rows_or_sent_later_is_no_parent() -> None:
    found = finding(sent(ORDERS, 2, 1), *[sent(LINES, 1, 2) for _ in range(3)], sent("SELECT * FROM users", 3, 9))
    assert len(found.detail) == 2


def test_a_mapper_names_its_relationship_and_the_cure() -> None:
    origin = Origin("Order.lines", "selectinload(Order.lines)")
    found = finding(sent(ORDERS, 2, 1), *[sent(LINES, 1, 2, origin=origin) for _ in range(2)])
    assert found.detail[-1] == "loads      Order.lines"
    assert found.fix == "selectinload(Order.lines) in the parent loads Order.lines for all its rows"


STATEMENTS = st.lists(st.builds(sent, st.sampled_from([ORDERS, LINES, PRODUCT]), st.integers(0, 6), st.integers(1, 3)))


@given(STATEMENTS)
def test_a_parent_began_before_ran_less_often_and_had_the_rows(statements: list[Statement]) -> None:
    for query in evidence(*statements).queries:
        found = query.repetition
        sites = [one.site for one in query.executions]
        assert (found.n if found else 1) == max(sites.count(site) for site in sites)
        if found and (parent := found.parent):
            assert parent.calls < found.n <= parent.rows
            first = next(n for n, one in enumerate(statements) if (one.sql, one.site) == (parent.sql, parent.site))
            began = next(n for n, one in enumerate(statements) if (one.sql, one.site) == (query.sql, found.site))
            assert first < began
            assert parent.sql != query.sql


def test_the_most_repeated_are_looked_into() -> None:
    many = [sent(f"SELECT {n} AS a{n}", 1, n) for n in range(MOST + 5) for _ in range(2)]
    found = [query.repetition for query in evidence(*many, *[sent(LINES, 1, 99)] * 3).queries]
    assert sum(one is not None for one in found) == MOST
    assert found[-1] is not None
