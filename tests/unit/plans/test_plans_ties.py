from __future__ import annotations

import pytest
from shape_plans import MAJORS, plan

from pytest_perfbudget.plans.render import tree
from pytest_perfbudget.plans.ties import Shape, nameless, shape

SERVED = "Limit", "  Index Scan using orders_a_b on orders o   Index Cond: a = ?   Filter: c = ?"


def renamed(old: str, new: str) -> tuple[str, ...]:
    return tuple(line.replace(old, new) for line in SERVED)


@pytest.mark.parametrize("major", MAJORS)
def test_the_index_created_last_serves_the_same_condition(major: int) -> None:
    old, new = tree(plan("ties/tie_c_is_newer", major)), tree(plan("ties/tie_b_is_newer", major))
    assert old != new
    assert shape([old], [new]) is Shape.TIE


@pytest.mark.parametrize("major", MAJORS)
def test_an_index_that_serves_less_of_the_condition_is_no_tie(major: int) -> None:
    old, new = tree(plan("ties/tie_narrower", major)), tree(plan("ties/tie_filtered", major))
    assert shape([old], [new]) is Shape.OTHER


@pytest.mark.parametrize(
    ("old", "new", "meant"),
    [
        ("orders_a_b", "orders_a_b", Shape.SAME),
        ("orders_a_b", "orders_a_c", Shape.TIE),
        ("orders_a_b", '"A on B"', Shape.TIE),
        ("on orders o", "on orders p", Shape.OTHER),
        ("Index Scan", "Index Only Scan", Shape.OTHER),
        ("Index Scan", "Index Scan Backward", Shape.OTHER),
        ("a = ?   ", "a > ?   ", Shape.OTHER),
        ("c = ?", "d = ?", Shape.OTHER),
        ("Limit", "Sort", Shape.OTHER),
    ],
)
def test_only_the_name_may_differ(old: str, new: str, meant: Shape) -> None:
    assert shape([SERVED], [renamed(old, new)]) is meant
    assert shape([renamed(old, new)], [SERVED]) is meant


def test_an_index_read_from_end_to_end_is_known_by_its_name() -> None:
    walk = ("Index Scan using orders_a on orders",)
    assert nameless(walk) == walk
    assert shape([walk], [("Index Scan using orders_b on orders",)]) is Shape.OTHER


def test_a_condition_that_speaks_of_an_index_keeps_its_text() -> None:
    line = "Seq Scan on orders   Filter: note = ' Index Scan using a on b   Index Cond: '"
    assert nameless([line])[0] == line


def test_plans_of_one_statement_are_a_set() -> None:
    other = ("Seq Scan on orders",)
    assert shape([SERVED, other], [other]) is Shape.SAME
    assert shape([SERVED, other], [other, renamed("a_b", "a_c")]) is Shape.TIE
    assert shape([other], [SERVED, other]) is Shape.OTHER
    assert shape([], []) is Shape.SAME
