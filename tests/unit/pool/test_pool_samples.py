from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pytest_perfbudget.measure import statistics
from pytest_perfbudget.pool.samples import KEPT, Samples, percentile

durations = st.lists(st.floats(0, 100), min_size=1, max_size=300)


@given(durations, st.sampled_from([0.5, 0.95, 0.99]))
def test_the_percentile_is_the_one_of_every_value(values: list[float], q: float) -> None:
    samples = Samples()
    for value in values:
        samples.add(value)
    assert percentile(samples.kept(), q) == statistics.percentile(values, q)


def test_nothing_has_no_percentile() -> None:
    assert percentile(Samples().kept(), 0.95) is None


def test_of_many_values_a_sample_stands_for_all() -> None:
    samples = Samples()
    for value in range(20 * KEPT):
        samples.add(float(value))
    assert samples.n == 20 * KEPT
    assert len(samples.kept()) == KEPT
    found = percentile(samples.kept(), 0.95)
    assert found is not None
    assert abs(found / (20 * KEPT) - 0.95) < 0.01
