"""The laws of the forecast: what the next period asks for, what is worth executing beforehand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_perfbudget.cache.queries.forecast import DAY, Access, Worth, costs, expected, ranked, within

NOW = 10 * DAY
HOUR = 3600.0

times = st.floats(NOW - 5 * DAY, NOW)
keys = st.sampled_from("abcdef")
seconds = st.none() | st.floats(0.001, 1.0)
accesses = st.builds(Access, times, keys, seconds)
logs = st.lists(accesses, max_size=60)
horizons = st.floats(60.0, DAY)


@given(logs, horizons)
def test_only_keys_of_the_log_are_expected_and_never_less_than_nothing(log: list[Access[str]], horizon: float) -> None:
    found = expected(log, NOW, horizon)
    assert found.keys() <= {one.key for one in log}
    assert all(hits > 0 for hits in found.values())


@given(logs, horizons, st.floats(-5 * DAY, 5 * DAY))
def test_the_hour_at_which_a_clock_begins_does_not_matter(log: list[Access[str]], horizon: float, shift: float) -> None:
    moved = [Access(round(one.at) + round(shift), one.key) for one in log]
    log = [Access(round(one.at), one.key) for one in log]
    found, again = expected(log, NOW, round(horizon)), expected(moved, NOW + round(shift), round(horizon))
    assert again == pytest.approx(found)


@given(logs, keys, horizons)
def test_another_access_never_makes_its_key_less_expected_nor_changes_others(
    log: list[Access[str]], key: str, horizon: float
) -> None:
    log = [Access(NOW - 5 * DAY, "first"), *log, Access(NOW, "last")]
    before, after = expected(log, NOW, horizon), expected([*log, Access(NOW - HOUR, key)], NOW, horizon)
    assert after[key] > before.get(key, 0.0)
    assert {name: hits for name, hits in after.items() if name != key} == pytest.approx(
        {name: hits for name, hits in before.items() if name != key}
    )


@given(st.lists(accesses, min_size=1), horizons)
def test_what_comes_after_now_is_not_known(log: list[Access[str]], horizon: float) -> None:
    later = [Access(NOW + 1 + one.at, one.key) for one in log]
    assert expected([*log, *later], NOW, horizon) == expected(log, NOW, horizon)


@given(st.integers(1, 30), st.floats(0.5, 6.0))
def test_a_steady_rate_is_expected_to_go_on(period: int, hours: float) -> None:
    """Three hours of a key asked for each ``period`` seconds."""
    log = [Access(NOW - HOUR * 3 + n * period, "steady") for n in range(round(3 * HOUR / period))]
    assert expected(log, NOW, hours * HOUR)["steady"] == pytest.approx(hours * HOUR / period, rel=0.02)


def test_of_two_keys_asked_for_as_often_the_later_one_is_expected_more() -> None:
    log = [Access(NOW - 6 * HOUR, "early"), Access(NOW - HOUR, "late")]
    found = expected(log, NOW, HOUR)
    assert found["late"] == pytest.approx(found["early"] * 2**5)


def test_what_was_asked_for_at_this_time_of_the_days_before_is_expected_again() -> None:
    morning = [Access(NOW - day * DAY + n, "morning") for day in (1, 2) for n in range(100)]
    evening = [Access(NOW - day * DAY - 6 * HOUR + n, "evening") for day in (0, 1) for n in range(100)]
    log = [Access(NOW - 3 * DAY, "first"), *morning, *evening, Access(NOW, "last")]
    found = expected(log, NOW, HOUR)
    assert found["morning"] > 5 * found["evening"]


def test_a_log_of_less_than_a_day_knows_no_time_of_day() -> None:
    log = [Access(NOW - DAY / 2, "a"), Access(NOW - HOUR, "b")]
    assert expected(log, NOW, HOUR)["b"] > expected(log, NOW, HOUR)["a"]


def test_a_log_of_one_moment_gives_an_order_at_least() -> None:
    assert expected([Access(NOW, "a"), Access(NOW, "a"), Access(NOW, "b")], NOW, HOUR) == {"a": 2.0, "b": 1.0}


@given(logs)
def test_a_cost_is_a_mean_of_executions(log: list[Access[str]]) -> None:
    for key, cost in costs(log).items():
        taken = [one.seconds for one in log if one.key == key and one.seconds is not None]
        assert min(taken) <= cost * (1 + 1e-9)
        assert cost <= max(taken) * (1 + 1e-9)


@given(logs, st.floats(0, 0.01))
def test_the_most_valuable_come_first(log: list[Access[str]], hit: float) -> None:
    values = [one.value(hit) for one in ranked(log, NOW, HOUR, hit=hit)]
    assert values == sorted(values, reverse=True)
    assert all(value > 0 for value in values)


def test_what_is_cheaper_than_a_hit_is_not_worth_it() -> None:
    log = [Access(NOW - 9, "cheap", 0.0001), Access(NOW - 9, "dear", 0.1)]
    assert [one.key for one in ranked(log, NOW, HOUR, hit=0.001)] == ["dear"]


@given(st.lists(st.builds(Worth, keys, st.floats(0.1, 9), st.floats(0.01, 3.0))), st.floats(0, 5))
def test_a_budget_is_kept_and_nothing_that_fits_is_left(worths: list[Worth[str]], budget: float) -> None:
    chosen = within(worths, budget)
    spent = sum(one.seconds for one in chosen)
    assert spent <= budget * (1 + 1e-9)
    left = list(worths)
    for one in chosen:
        left.remove(one)
    assert all(spent + one.seconds > budget * (1 - 1e-9) for one in left)


def test_a_log_that_ended_long_ago_is_as_good_as_it_was() -> None:
    log = [Access(n * 60.0, "ab"[n % 10 == 0]) for n in range(100)]
    found = expected(log, 1000 * DAY, HOUR)
    assert found["a"] > 5 * found["b"] > 0
