"""A statement beside reference queries: backends that differ by themselves, on a clock that only executions move."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_perfbudget.measure.beside import CONNECTIONS, FEWEST, ROUNDS, Beside, figure
from pytest_perfbudget.measure.rounds import WARM_UP
from pytest_perfbudget.measure.sampling import Cap

REFERENCES = (0.0005, 0.0007, 0.0003)
UNIT = (0.0005 * 0.0007 * 0.0003) ** (1 / 3)


class Server:
    """Each backend is slower or faster than the others by up to 40 %, and the machine as a whole by ``speed``."""

    def __init__(self, seconds: float, speed: float = 1.0) -> None:
        self.now, self.seconds, self.speed, self.draw = 0.0, seconds, speed, Random(4)
        self.executed: list[float] = []
        self.open = self.opened = 0

    def clock(self) -> float:
        return self.now

    @contextmanager
    def fresh(self) -> Iterator[Beside]:
        self.opened += 1
        self.open += 1
        slower = self.speed * self.draw.uniform(0.8, 1.2)

        def executing(seconds: float) -> float:
            assert not gc.isenabled()
            assert self.open == 1
            self.now += seconds * slower
            self.executed.append(seconds)
            return seconds * slower

        yield Beside(lambda: executing(self.seconds), [lambda s=s: executing(s) for s in REFERENCES])  # type: ignore[misc]
        self.open -= 1


def test_each_round_executes_everything_once_after_the_warm_up() -> None:
    server = Server(0.002)
    found = figure(server.fresh, server.clock, Random(1))
    assert (found.rounds, server.opened) == (CONNECTIONS * ROUNDS, CONNECTIONS)
    each = CONNECTIONS * (ROUNDS + WARM_UP)
    assert {one: server.executed.count(one) for one in (0.002, *REFERENCES)} == dict.fromkeys(
        (0.002, *REFERENCES), each
    )
    assert found.value == pytest.approx(0.002 / UNIT)


def test_the_order_of_a_round_changes() -> None:
    server = Server(0.002)
    figure(server.fresh, server.clock, Random(1))
    measured = server.executed[WARM_UP * 4 : (WARM_UP + ROUNDS) * 4]
    places = {measured[start : start + 4].index(0.002) for start in range(0, len(measured), 4)}
    assert places == {0, 1, 2, 3}


@given(st.floats(0.0002, 0.02), st.floats(0.25, 4.0))
def test_a_slower_machine_gives_the_same_figure(seconds: float, speed: float) -> None:
    one, other = (Server(seconds, factor) for factor in (1.0, speed))
    before, after = (figure(server.fresh, server.clock, Random(1), Cap(1e6)) for server in (one, other))
    assert before.value == pytest.approx(after.value)


def test_a_slow_statement_ends_at_the_cap_on_every_connection() -> None:
    server = Server(0.06)
    found = figure(server.fresh, server.clock, Random(1))
    assert FEWEST <= found.rounds < CONNECTIONS * ROUNDS
    assert server.opened == CONNECTIONS
    assert server.now <= 3.0 + 0.1
    assert found.value == pytest.approx(0.06 / UNIT)


def test_an_execution_that_was_nothing_but_waiting_is_very_short() -> None:
    server = Server(0.002)
    taken = iter(range(10**6))

    @contextmanager
    def fresh() -> Iterator[Beside]:
        with server.fresh() as beside:
            yield Beside(lambda: beside.statement() if next(taken) % 10 else 0.0, beside.references)

    assert figure(fresh, server.clock, Random(1)).value == pytest.approx(0.002 / UNIT)


def test_too_few_rounds_are_no_figure() -> None:
    server = Server(0.5)
    found = figure(server.fresh, server.clock, Random(1))
    assert found.value is None
    assert found.rounds < FEWEST
    assert found.reason == f"the cap of 3 s was reached after {found.rounds} of the 12 rounds needed"
