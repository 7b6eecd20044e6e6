from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_perfbudget.measure.calibration import EXECUTIONS, REFERENCES, WARM_UP, calibration


def machine(*factors: float) -> Callable[[str], Callable[[], float]]:
    """One that takes longer by a factor for each reference."""
    by_sql = dict(zip(REFERENCES, factors, strict=True))
    return lambda sql: lambda: REFERENCES[sql] * by_sql[sql]


@given(st.lists(st.floats(0.01, 100), min_size=3, max_size=3))
def test_it_is_the_geometric_mean_of_the_factors(factors: list[float]) -> None:
    assert calibration(machine(*factors)) == pytest.approx(math.prod(factors) ** (1 / 3))


def test_what_is_slow_at_first_or_now_and_then_does_not_count() -> None:
    def executing(sql: str) -> Callable[[], float]:
        times = [9.0] * WARM_UP + [9.0] * (EXECUTIONS // 2) + [REFERENCES[sql]] * (EXECUTIONS // 2 + 1)
        return lambda: times.pop(0)

    assert calibration(executing) == pytest.approx(1)
