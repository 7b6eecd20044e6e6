"""Numbers with units: what is read, and how it is shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_perfbudget.units import format_bytes, format_count, format_measure, format_seconds, ratio, seconds, size


@pytest.mark.parametrize(
    ("text", "value"),
    [("5 ms", 0.005), ("800us", 0.0008), ("800 µs", 0.0008), ("1.5 s", 1.5), ("2 min", 120.0)],
)
def test_durations(text: str, value: float) -> None:
    assert seconds(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["5", "ms", "-5 ms", "5 m", "5 ms ago", ""])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        seconds(text)


@pytest.mark.parametrize(
    ("text", "value"), [("64 MB", 64 << 20), ("512kB", 512 << 10), ("1.5 GB", 3 << 29), ("9 bytes", 9), ("200 B", 200)]
)
def test_sizes(text: str, value: float) -> None:
    assert size(text) == value


@pytest.mark.parametrize("text", ["64", "MB", "64 M", "-1 MB", "64 MiB", ""])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="is not a size"):
        size(text)


def test_percentages() -> None:
    assert ratio("10%") == pytest.approx(0.1)
    with pytest.raises(ValueError, match="is not a percentage"):
        ratio("10")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0418, "41.8 ms"), (0.00081, "810 µs"), (2.5, "2.5 s"), (0.005, "5 ms"), (0.1234, "123 ms"), (90, "90 s")],
)
def test_seconds_are_shown_with_three_digits_in_the_largest_unit(value: float, text: str) -> None:
    assert format_seconds(value) == text


def test_counts_have_thousands_and_costs_their_decimals() -> None:
    assert (format_count(2170), format_count(91.31)) == ("2,170", "91.31")
    assert (format_measure(0.005, "s"), format_measure(40, "buffers")) == ("5 ms", "40")
    assert (format_measure(64 << 20, "B"), format_measure(1234.5, "calls/s")) == ("64 MB", "1,234 calls/s")


@given(st.floats(1e-6, 1e4))
def test_what_is_shown_is_within_a_percent_of_what_was_measured(value: float) -> None:
    assert seconds(format_seconds(value).replace(",", "")) == pytest.approx(value, rel=0.01)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0 bytes"), (1023, "1,023 bytes"), (1024, "1 kB"), (7_500_000, "7.15 MB"), (178_257_920, "170 MB")],
)
def test_bytes(value: float, text: str) -> None:
    assert format_bytes(value) == text
