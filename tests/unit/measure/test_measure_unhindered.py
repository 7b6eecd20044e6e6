"""What an execution waited for a processor is left out of it, and told where it is worth a word."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pytest_perfbudget.measure.unhindered import Unhindered

seconds = st.floats(0, 10)


@given(st.lists(st.tuples(seconds, seconds), min_size=1))
def test_an_execution_is_what_it_took_without_what_it_waited(executions: list[tuple[float, float]]) -> None:
    """Each is a time and a waiting; the clock of waiting may say more, as more than the execution passes between."""
    clock = 0.0
    given_ = iter(executions)

    def execute() -> float:
        nonlocal clock
        taken, waited = next(given_)
        clock += waited
        return taken

    unhindered = Unhindered(execute, lambda: clock)
    for taken, waited in executions:
        assert abs(unhindered() - max(taken - waited, 0)) < 1e-6
    assert 0 <= unhindered.left_out <= unhindered.taken


def test_a_share_that_is_noticed_is_told() -> None:
    clock = iter([0.0, 0.5, 0.5, 0.51])
    unhindered = Unhindered(lambda: 1.0, lambda: next(clock))
    assert str(unhindered) == ""
    unhindered()
    assert str(unhindered) == "without the 50% of the time that it waited for a processor, which others had"
    calm = Unhindered(lambda: 1.0, iter([0.0, 0.01]).__next__)
    calm()
    assert str(calm) == ""
