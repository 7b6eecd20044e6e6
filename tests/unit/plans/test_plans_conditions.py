"""Conditions of EXPLAIN read back: what is compared with what, and never an error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_perfbudget.plans.conditions import Comparison, comparisons, expression, sort_key


def sides(comparison: Comparison) -> tuple[object, ...]:
    return (comparison.left.columns, comparison.operator, comparison.right.columns)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(id = 7)", [(((None, "id"),), "=", ())]),
        ("(o.id = $1)", [((("o", "id"),), "=", ())]),
        ("((a = 1) AND (b < c))", [(((None, "a"),), "=", ()), (((None, "b"),), "<", ((None, "c"),))]),
        ("(status = ANY ('{open,done}'::text[]))", [(((None, "status"),), "=", ())]),
        ("(total > (InitPlan 1).col1)", [(((None, "total"),), ">", ())]),
        ("(total > $0)", [(((None, "total"),), ">", ())]),
        ("((NOT (ANY (id = (hashed SubPlan 1).col1))) AND (a = 1))", [(((None, "a"),), "=", ())]),
        ("((NOT (hashed SubPlan 1)) AND (a = 1))", [(((None, "a"),), "=", ())]),
        ("((NOT EXISTS(SubPlan 1)) AND (a = 1))", [(((None, "a"),), "=", ())]),
        ("((a = 1) OR (b = 2))", []),
        ("active", []),
        ("(a IS NULL)", []),
        ("(\"Order\".\"Total\" = 5)", [((("Order", "Total"),), "=", ())]),
    ],
)  # fmt: skip
def test_comparisons(text: str, expected: list[object]) -> None:
    assert [sides(one) for one in comparisons(text)] == expected


def test_what_stands_around_a_column() -> None:
    bare, cast, function, calculated = comparisons(
        "((a = 1) AND ((b)::numeric = 1) AND (lower(c) = 'x') AND (d + 1 = 2))"
    )
    assert (bare.left.plain, bare.left.cast) == (True, None)
    assert (cast.left.plain, cast.left.cast) == (False, "numeric")
    assert (function.left.plain, function.left.cast) == (False, None)
    assert (calculated.left.plain, calculated.left.columns) == (False, ((None, "d"),))


def test_several_values_are_told_from_one() -> None:
    many, one = comparisons("((a = ANY ('{1,2}'::integer[])) AND (b = 3))")
    assert (many.several, one.several) == (True, False)


@pytest.mark.parametrize(
    ("text", "name", "descending", "nulls_first"),
    [
        ("placed", "placed", False, False),
        ("o.placed DESC", "placed", True, True),
        ("placed DESC NULLS LAST", "placed", True, False),
        ("placed NULLS FIRST", "placed", False, True),
    ],
)
def test_sort_keys(text: str, name: str, descending: bool, nulls_first: bool) -> None:
    key = sort_key(text)
    assert key is not None
    assert (key.operand.columns[0][1], key.descending, key.nulls_first) == (name, descending, nulls_first)
    assert key.operand.plain


def test_a_sort_key_that_is_no_column_is_not_plain() -> None:
    for text in ("(total * 2)", 'name COLLATE "C"', "(note)::text"):
        key = sort_key(text)
        assert key is not None
        assert not key.operand.plain


NAMES = st.sampled_from(["a", "total", '"Order"', "note"])
QUALIFIERS = st.sampled_from(["", "o.", "orders_1."])
WRAPS = st.sampled_from(
    ["lower({})", "({})::numeric", "({} + 1)", "date_trunc('day'::text, {})", "(({})::text || 'x')"]
)


@given(NAMES, WRAPS, QUALIFIERS, QUALIFIERS)
def test_an_expression_has_one_shape_whatever_the_qualifiers(name: str, wrap: str, one: str, other: str) -> None:
    (compared,) = comparisons(f"({wrap.format(one + name)} = 5)")
    index = expression(wrap.format(other + name))
    assert index is not None
    assert compared.left.shape == index.shape


@given(st.lists(st.tuples(NAMES, st.sampled_from(["=", "<", ">=", "~~"])), min_size=2, max_size=6))
def test_what_and_joins_is_read_part_by_part(parts: list[tuple[str, str]]) -> None:
    texts = [f"({name} {operator} 1)" for name, operator in parts]
    whole = comparisons(f"({' AND '.join(texts)})")
    assert [sides(one) for one in whole] == [sides(one) for text in texts for one in comparisons(text)]


@given(st.text(max_size=40) | st.text("()'\"$=AND OR.:SubPlan 1", max_size=40))
def test_any_text_is_read_or_has_no_comparisons(text: str) -> None:
    assert isinstance(comparisons(text), tuple)
    sort_key(text)
    expression(text)
