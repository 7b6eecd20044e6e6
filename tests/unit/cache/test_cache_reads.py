"""The steps of a read, without servers."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_perfbudget.cache import Settings
from pytest_perfbudget.cache.queries import reads
from pytest_perfbudget.cache.queries.calls import Call
from pytest_perfbudget.cache.queries.state import Place, State
from pytest_perfbudget.cache.queries.steps import Ask, Steps, Wait

CALL = Call("SELECT 1", None, "same", "name")


def looks(lasts: float, flight: float = 5.0) -> tuple[list[float], float]:
    """When one that waits looks, and when it stops: another caller has the flight for so many seconds, leaves none."""
    now = [0.0]
    found = []
    steps: Steps[Any] = reads._awaited(State(Settings(flight=flight), lambda: now[0], lambda: 0.0), PLACE, CALL)
    answer: Any = None
    with suppress(StopIteration):
        while True:
            step = steps.send(answer)
            if isinstance(step, Wait):
                now[0] += step.seconds
                answer = None
            elif isinstance(step, Ask) and step.keys[0].startswith("f:"):
                found.append(now[0])
                answer = [b"token" if now[0] < lasts else None]
            else:
                assert isinstance(step, Ask)
                answer = [None] * len(step.keys)
    return found, now[0]


PLACE = Place("server", "session")


@given(st.floats(0.001, 4))
def test_who_waits_sees_the_end_at_most_a_quarter_late(lasts: float) -> None:
    _, seen = looks(lasts)
    assert lasts <= seen <= lasts + min(max(0.25 * lasts, 0.005), 0.1) + 1e-9


@pytest.mark.parametrize(("flight", "most"), [(0.5, 25), (5.0, 70)])
def test_who_waits_for_long_looks_rarely(flight: float, most: int) -> None:
    found, end = looks(60.0, flight)
    assert len(found) <= most
    assert flight <= end <= flight + 0.1
