"""What an execution waited for a processor is left out of it, and told where it is worth a word."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pytest_perfbudget.measure.unhindered import Unhindered
from pytest_perfbudget.model.resources import Scheduled

seconds = st.floats(0, 10)


@given(st.lists(st.tuples(seconds, seconds, seconds), min_size=1))
def test_an_execution_is_what_it_took_without_what_it_waited(executions: list[tuple[float, float, float]]) -> None:
    """Each is a time, a waiting and what client and backend ran; both clocks may say more, as more than the execution
    passes between, and as a client waits for its own backend. What they ran is left in."""
    now = Scheduled()
    given_ = iter(executions)

    def execute() -> float:
        nonlocal now
        taken, waited, ran = next(given_)
        now = Scheduled(now.waited + waited, now.ran + ran)
        return taken

    unhindered = Unhindered(execute, lambda: now)
    for taken, waited, ran in executions:
        assert abs(unhindered() - max(taken - waited, min(ran, taken))) < 1e-6
    assert 0 <= unhindered.left_out <= unhindered.taken


def test_a_client_that_waits_for_its_own_backend_is_not_hindered() -> None:
    """As one processor has it: 450 of 500 µs the client could run, and its backend does."""
    clock = iter([Scheduled(1.0, 7.0), Scheduled(1.000450, 7.000500)])
    assert abs(Unhindered(lambda: 0.0005, lambda: next(clock))() - 0.0005) < 1e-9


def test_a_share_that_is_noticed_is_told() -> None:
    clock = iter([Scheduled(0.0), Scheduled(0.5), Scheduled(0.5), Scheduled(0.51)])
    unhindered = Unhindered(lambda: 1.0, lambda: next(clock))
    assert str(unhindered) == ""
    unhindered()
    assert str(unhindered) == "without the 50% of the time that it waited for a processor, which others had"
    calm = Unhindered(lambda: 1.0, iter([Scheduled(0.0), Scheduled(0.01)]).__next__)
    calm()
    assert str(calm) == ""


def test_a_backend_that_has_gone_has_not_run_backwards() -> None:
    clock = iter([Scheduled(2.0, 3.0), Scheduled(0.5, 0.0)])
    assert Unhindered(lambda: 1.0, lambda: next(clock))() == 1.0
