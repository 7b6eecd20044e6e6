"""Whatever is written: a budget, or a BudgetError with a place; never another exception."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_perfbudget.budgets.inline import inline
from pytest_perfbudget.budgets.keys import KEYS
from pytest_perfbudget.errors import At, BudgetError

AT = At("tests/test_orders.py", 3)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text("a5 m%.-", max_size=6)
    | st.sampled_from(["5 ms", "25%", "Seq Scan on orders", date(2027, 1, 31), datetime(2027, 1, 31, tzinfo=UTC)]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["rule", "ratio", "lines", "work", "buffers", "x"]) | st.integers(), inner)
    ),
    max_leaves=5,
)
NAMES = st.sampled_from([key.name for key in KEYS] + ["work", "plan", "query.lines", "buffers", "x.y", ""])

KNOWN = {key.name for key in KEYS if not key.arrives_with} | {"work", "plan", "query.lines"}


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(NAMES, VALUES, max_size=4))
def test_any_keys_and_values(keys: dict[str, Any]) -> None:
    error = _refusal(keys)
    if error:
        assert str(AT) in str(error)
        assert error.remedy
    else:
        assert keys.keys() <= KNOWN


def _refusal(keys: dict[str, Any]) -> BudgetError | None:
    try:
        inline(keys, AT, "inline.test_orders")
    except BudgetError as error:
        return error
    return None


@pytest.mark.parametrize(
    ("written", "timed"),
    [
        ({"latency": {"p50": "2 ms"}}, True),
        ({"latency": {"regress": "10%"}}, True),
        ({"query": {"recent": {"latency": {"regress": "10%"}}}}, True),
        ({"latency": {"baseline": "25%"}}, True),
        ({"throughput": {"min": 100}}, True),
        ({"queries": {"max": 3}, "work": {"buffers": 9}}, False),
    ],
)
def test_whether_a_clock_is_needed(written: dict[str, object], timed: bool) -> None:
    assert inline(written, At("test_x.py", 1), "x").timed is timed
