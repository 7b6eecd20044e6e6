"""Which casts PostgreSQL puts on a column itself, and which of them an index minds."""

from __future__ import annotations

import pytest

from pytest_perfbudget.rules.casts import internal, promotes, relabels, spelled


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("character varying(20)", "varchar"),
        ("numeric(10,2)", "numeric"),
        ("timestamp(3) without time zone", "timestamp"),
        ("character(6)", "bpchar"),
        ("bigint", "int8"),
        ("uuid", "uuid"),
    ],
)
def test_types_by_their_internal_names(written: str, name: str) -> None:
    assert internal(written) == name


def test_what_is_promoted_is_not_what_is_relabelled() -> None:
    assert promotes("bigint", "numeric")
    assert promotes("character(6)", "text")
    assert not promotes("integer", "int8")
    assert not promotes("character varying(20)", "text")
    assert relabels("character varying(20)", "text")
    assert relabels("numeric(10,2)", "numeric")
    assert not relabels("bigint", "numeric")


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("SELECT 1 FROM t WHERE id::numeric = 1", True),
        ("SELECT 1 FROM t WHERE CAST(t.id AS numeric) = 1", True),
        ("SELECT 1 FROM (SELECT 1 FROM t WHERE id::numeric(9,2) = 1) x", True),
        ("SELECT 1 FROM t, u WHERE u.id::numeric = 1", False),
        ("SELECT 1 FROM t WHERE id = $1::numeric", False),
        ("SELECT 1 FROM t WHERE other::numeric = id", False),
        ("SELECT 1 FROM t WHERE id::int8 = 1", False),
        ("this is no SQL id::numeric", False),
    ],
)
def test_a_cast_that_the_statement_spells_out(sql: str, found: bool) -> None:
    assert spelled(sql, "id", "t", "numeric") is found
