"""What a benchmark fixture measured, against ``latency.*``."""

from __future__ import annotations

import pytest
from verdict_data import budget

from pytest_perfbudget.model import Verdict
from pytest_perfbudget.model.resources import Benchmarked, Shared
from pytest_perfbudget.verdict.benchmark import check_benchmark

HELD = budget(latency={"p50": "2 ms", "p95": "3 ms", "mean": "2 ms"}, work={"buffers": 40})
FAST = tuple(0.001 + 0.000001 * number for number in range(200))


def test_each_limit_is_held_to_its_quantile_of_the_calls() -> None:
    used, found = check_benchmark(HELD, Benchmarked(FAST), None)
    assert found == ()
    assert [(one.key, one.unit) for one in used] == [("latency.p50", "s"), ("latency.p95", "s"), ("latency.mean", "s")]
    assert used[0].value == pytest.approx(0.0011, rel=0.01)
    assert used[0].note == "of the benchmarked function, n=200"


def test_a_slow_function_is_over_whatever_its_statements_take() -> None:
    _, found = check_benchmark(HELD, Benchmarked(tuple(3 * one for one in FAST)), None)
    assert {one.code: one.verdict for one in found} == dict.fromkeys(
        ("latency.p50", "latency.p95", "latency.mean"), Verdict.OVER
    )
    assert found[0].note.startswith("of the benchmarked function, n=200, at least 3.")
    assert (found[0].allowed, found[0].budget_at) == (0.002, HELD.limits["latency.p50"].at)


def test_what_others_on_the_machine_explain_is_not_over() -> None:
    slow = Benchmarked(tuple(3 * one for one in FAST))

    def verdicts(shared: Shared) -> set[Verdict]:
        return {one.verdict for one in check_benchmark(HELD, slow, None, shared)[1]}

    assert verdicts(Shared(2.0, 0.1, 4.0)) == {Verdict.OVER}
    assert verdicts(Shared(2.0, 1.0, 4.0)) == {Verdict.UNJUDGED}
    (_, found) = check_benchmark(HELD, slow, None, Shared(2.0, 1.0, 4.0))
    assert "others had 25% of the processors' time meanwhile" in found[0].message


def test_too_few_rounds_prove_nothing() -> None:
    _, found = check_benchmark(HELD, Benchmarked(FAST[:20]), None)
    assert [(one.code, one.verdict) for one in found] == [
        ("latency.p95", Verdict.UNJUDGED), ("latency.mean", Verdict.UNJUDGED)
    ]  # fmt: skip
    assert "the end of the benchmark's rounds was reached after n=20" in found[0].message


def test_rounds_of_several_calls_have_a_mean_alone() -> None:
    used, found = check_benchmark(HELD, Benchmarked(FAST, iterations=25), None)
    assert [one.key for one in used] == ["latency.mean"]
    assert [(one.code, one.verdict) for one in found] == [
        ("latency.p50", Verdict.UNJUDGED), ("latency.p95", Verdict.UNJUDGED)
    ]  # fmt: skip
    assert "its rounds are of 25 calls each" in found[0].message


@pytest.mark.parametrize(
    ("measured", "disturbed", "words"),
    [(Benchmarked(why="it is disabled"), None, "it is disabled"), (Benchmarked(FAST), "coverage watches", "coverage")],
)
def test_what_was_not_measured_is_unjudged(measured: Benchmarked, disturbed: str | None, words: str) -> None:
    used, found = check_benchmark(HELD, measured, disturbed)
    assert used == ()
    assert {one.verdict for one in found} == {Verdict.UNJUDGED}
    assert all(words in one.message for one in found)
    assert len(found) == 3
