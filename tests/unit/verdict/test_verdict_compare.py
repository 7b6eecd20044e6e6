"""Laws of comparing figures and of pairing queries."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from verdict_data import evidence, scan, statement

from pytest_perfbudget.baselines.record import record
from pytest_perfbudget.budgets.budget import Regress
from pytest_perfbudget.verdict.figures import Trend, trend
from pytest_perfbudget.verdict.pairing import pair

COUNTS = st.integers(0, 10**9)
MARGINS = st.builds(Regress, st.floats(0, 2), st.integers(0, 100))


@given(COUNTS, MARGINS)
def test_a_figure_is_equal_to_itself(count: int, margin: Regress) -> None:
    assert trend(count, count, margin) is Trend.EQUAL


@given(COUNTS, COUNTS, MARGINS)
def test_more_in_one_direction_is_less_in_the_other(old: int, new: int, margin: Regress) -> None:
    assert trend(old, new, margin) == -trend(new, old, margin)


@given(COUNTS, COUNTS, COUNTS, MARGINS)
def test_still_more_is_never_judged_milder(old: int, new: int, extra: int, margin: Regress) -> None:
    assert trend(old, new + extra, margin) >= trend(old, new, margin)


@given(COUNTS, st.integers(0, 8))
def test_a_few_blocks_never_fail(old: int, few: int) -> None:
    assert trend(old, old + few, Regress()) is not Trend.MORE


TEXTS = st.lists(st.tuples(st.integers(0, 9), st.sampled_from("fgh")), max_size=8, unique_by=lambda item: item[0])


@given(TEXTS, TEXTS)
def test_every_query_of_both_sides_is_paired_once(old: list[tuple[int, str]], new: list[tuple[int, str]]) -> None:
    def seen(items: list[tuple[int, str]]) -> object:
        return evidence(
            *(statement(scan(), sql=f"SELECT c{number} FROM orders", function=function) for number, function in items)
        )

    recorded, now = record(seen(old)).queries, seen(new).queries  # type: ignore[arg-type, attr-defined]
    pairs = pair(recorded, now)
    assert sorted(one.key for one, _ in pairs if one) == sorted(one.key for one in recorded)
    assert [one.key for _, one in pairs if one] == [one.key for one in now]
    assert all(one or other for one, other in pairs)
    both = {one.key for one in recorded} & {one.key for one in now}
    assert all(one.key == other.key for one, other in pairs if one and other and other.key in both)
    assert len([1 for one, other in pairs if one and other]) == min(len(recorded), len(now))
