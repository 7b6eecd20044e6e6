from __future__ import annotations

import asyncio
import string
from collections.abc import Awaitable, Callable, Iterator
from datetime import date, datetime, timedelta, timezone
from enum import Enum, IntEnum
from typing import Any

import asyncpg
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_perfbudget.capture.asyncpg_params import Kinds, as_text

Same = Callable[[str, Any], None]


class Size(IntEnum):
    LARGE = 3


class Odd(int, Enum):
    ONE = 1


class Status(str, Enum):  # noqa: UP042  # its str() is its name
    OPEN = "open"


TEXT = st.text(st.characters(blacklist_characters="\x00", blacklist_categories=["Cs"]))
NUMBERS = st.integers(-(2**63), 2**63 - 1)
VALUES = st.one_of(
    st.tuples(st.just("text"), TEXT),
    st.tuples(st.just("varchar"), st.text(string.printable.replace("\x00", ""))),
    st.tuples(st.just("bigint"), NUMBERS),
    st.tuples(st.just("numeric"), st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), places=5)),
    st.tuples(st.just("float8"), st.floats()),
    st.tuples(st.just("bytea"), st.binary()),
    st.tuples(st.just("bool"), st.booleans()),
    st.tuples(st.just("date"), st.dates()),
    st.tuples(st.just("timestamp"), st.datetimes()),
    st.tuples(
        st.just("timestamptz"),
        st.datetimes(datetime(1900, 1, 1), timezones=st.just(timezone(timedelta(hours=5, minutes=30)))),
    ),
    st.tuples(st.just("interval"), st.timedeltas(timedelta(days=-10000), timedelta(days=10000))),
    st.tuples(st.just("uuid"), st.uuids()),
    st.tuples(st.just("bigint[]"), st.lists(st.none() | NUMBERS)),
    st.tuples(st.just("text[]"), st.lists(st.none() | TEXT).map(tuple)),
    st.tuples(st.just("date[]"), st.lists(st.dates(date(1000, 1, 1)))),
    st.tuples(st.just("int"), st.sampled_from([Size.LARGE, Odd.ONE, None])),
    st.tuples(st.just("text"), st.just(Status.OPEN)),
)


@pytest.fixture(scope="module")
def same(databases: dict[str, str]) -> Iterator[Same]:
    """Whether libpq is given what asyncpg gives: the server's text of a value, through both."""
    loop = asyncio.new_event_loop()
    theirs = loop.run_until_complete(asyncpg.connect(databases["plain"]))
    ours = psycopg.connect(databases["plain"], autocommit=True)

    def run(awaitable: Awaitable[Any]) -> Any:
        return loop.run_until_complete(awaitable)  # type: ignore[arg-type]

    def compare(kind: str, value: Any) -> None:
        statement = run(theirs.prepare(f"SELECT $1::{kind}::text"))
        (parameter,) = statement.get_parameters()
        written = as_text([value], Kinds.of([parameter]))
        answer = ours.pgconn.exec_params(f"SELECT $1::{kind}::text".encode(), written, [parameter.oid], [0])
        found = answer.get_value(0, 0)
        assert (None if found is None else found.decode()) == run(statement.fetchval(value)), answer.error_message

    yield compare
    ours.close()
    run(theirs.close())
    loop.close()


@settings(deadline=None, max_examples=200)
@given(case=VALUES)
def test_a_value_is_the_same_through_libpq(same: Same, case: tuple[str, Any]) -> None:
    same(*case)
