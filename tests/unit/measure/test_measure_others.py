"""What neighbours explain fails nothing; the processors' time is made up."""

from __future__ import annotations

import math
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from pytest_perfbudget.measure.others import TAKEN, explains, faster, slowed, without_others
from pytest_perfbudget.measure.sampling import Cap, State, sample
from pytest_perfbudget.model.resources import Shared


@given(st.floats(0, 8), st.floats(0, 8), st.floats(0, 1))
def test_a_neighbour_slows_a_call_the_more_it_works_and_never_beyond_bounds(
    ours: float, rest: float, part: float
) -> None:
    few, many = (slowed(Shared(ours + one, one, ours + rest)) for one in (rest * part, rest))
    assert 1 <= few <= many + 1e-9 <= 1.6 + 1e-8


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0.01, 3), st.floats(1e-3, 1e3))
def test_the_more_others_had_the_less_is_judged(one: float, more: float, rate: float, unit: float) -> None:
    """And the unit of the processors' time does not matter, where they had as much as was lost."""
    sampled = sample(lambda: 0.01 / rate, {"p50": 0.01}, count(0.0, 0.01).__next__, Cap(), 0)

    def judged(others: float, unit: float = 1.0) -> State:
        shared = Shared((1 + others) * unit, others * unit, 4 * unit)
        return without_others(sampled, shared).decisions["p50"].state

    lost = len(sampled.samples) * (0.01 / rate - 0.01) / TAKEN
    few, many = judged(one), judged(one + more)
    before = sampled.decisions["p50"].state
    assert judged(0.0) is before
    assert few in (before, State.UNDECIDED)
    assert many is (State.UNDECIDED if few is State.UNDECIDED else many)
    assert before is State.BEYOND or few is many is before
    if not math.isclose(faster(Shared(1 + one, one, 4)), 1 / rate, rel_tol=1e-6) and one * min(unit, 1) > lost:
        assert judged(one, unit) is few


def test_nothing_of_ours_that_worked_could_have_been_any_number_of_calls() -> None:
    assert faster(Shared(busy=1.0, others=1.0, of=2.0)) == math.inf
    assert faster(Shared()) == 1


@given(st.floats(1e-3, 10), st.floats(0, 10), st.floats(0, 4), st.floats(0, 4), st.floats(1, 100))
def test_nobody_explains_more_than_the_time_that_they_had(
    allowed: float, lost: float, ours: float, others: float, slow: float
) -> None:
    explained = explains(Shared(ours + others, others, 8.0), allowed + lost, allowed, slow)
    assert not explained or slow * lost <= TAKEN * others + 1e-6
    assert not explained or explains(Shared(ours + others, others, 8.0), allowed + lost / 2, allowed, slow)


def test_what_sleeps_is_slowed_by_nobodys_little() -> None:
    """10 ms of ours and 50 of others: by the rate alone all of them could be idle ones."""
    shared = Shared(0.06, 0.05, 10.0)
    assert faster(shared) > 10
    sampled = sample(lambda: 0.05, {"p50": 0.005, "p95": 0.02}, count(0.0, 0.05).__next__, Cap(), 0)
    assert without_others(sampled, shared).decisions["p50"].state is State.BEYOND
