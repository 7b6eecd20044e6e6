from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_perfbudget.measure.histogram import BINS, bar, binned, histogram

samples = st.lists(st.floats(1e-6, 10.0), min_size=1, max_size=300)


def test_a_histogram() -> None:
    times = [0.001] * 6 + [0.002] * 12 + [0.003] + [0.5]
    assert histogram(binned(times, bins=2), width=8) == (
        "1 ms  ####       6",
        "2 ms  ########  13",
        "3 ms  #          1",
    )


def test_equal_samples_have_one_line() -> None:
    assert histogram(binned([0.001] * 9), width=3) == ("1 ms  ###  9",)


def test_no_samples_no_lines() -> None:
    assert histogram(binned([])) == ()


@given(samples)
def test_every_sample_is_in_one_line(values: list[float]) -> None:
    lines = histogram(binned(values))
    assert len(lines) <= BINS + 1
    assert sum(int(line.split()[-1]) for line in lines) == len(values)


@given(samples)
def test_all_lines_are_equally_long(values: list[float]) -> None:
    assert len({len(line) for line in histogram(binned(values))}) == 1


@pytest.mark.parametrize(("share", "drawn"), [(0.0, ""), (1e-9, "#"), (0.5, "##"), (1.0, "####")])
def test_what_is_not_empty_is_drawn(share: float, drawn: str) -> None:
    assert bar(share, 4) == drawn
