"""What names an entry, and which calls have no name."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from psycopg_pool import ConnectionPool

from pytest_perfbudget.cache import QueryCache
from pytest_perfbudget.cache.queries.calls import Call, call

FIRST = dt.datetime(1, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=1)))


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1, [1, 2**70], FIRST])
def test_what_has_no_form_in_msgpack_has_no_name(value: Any) -> None:
    assert isinstance(call("SELECT %s", (value,)), str)


@pytest.mark.parametrize("value", [2**64 - 1, -(2**63), Decimal(2**70), dt.datetime(1, 1, 1), "", None, [[1], []]])
def test_what_has_one_has_one_name(value: Any) -> None:
    one, same, other = (call("SELECT %s", (given,)) for given in (value, value, [value]))
    assert isinstance(one, Call)
    assert isinstance(same, Call)
    assert isinstance(other, Call)
    assert one.name == same.name != other.name


def test_an_integer_above_64_bits_is_a_parameter_like_others(dsn: str, redis_url: str) -> None:
    with ConnectionPool(dsn, min_size=1) as pool:
        cache = QueryCache(redis_url, pool)
        cache.install()
        assert cache.fetch("SELECT %s + 1", (2**70,)) == [(2**70 + 1,)]
        assert cache.report() == {"executed": 1}
        cache.close()
