"""Statements against themselves: how often gates are wrong about made-up trials, and what they see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest

from pytest_perfbudget.measure.rounds import WARM_UP, Connected
from pytest_perfbudget.measure.selfcheck import GATES, Gate, Tried, absolute, chosen, cpu, paired, stored, tried
from pytest_perfbudget.measure.trials import ROUNDS, Trial, trials_of
from pytest_perfbudget.model import Verdict


def trials(number: int = 12, noise: float = 0.02, between: float = 0.0, seed: int = 1, **odd: float) -> list[Trial]:
    """Of a statement of a millisecond. ``noise`` is that of an execution, ``between`` that of connections; ``odd``
    makes the second side of every trial slower by a factor."""
    draw = Random(seed)
    found = []
    for _ in range(number):
        of_it = draw.lognormvariate(0, between)

        def seconds(nominal: float = 0.001, factor: float = of_it) -> float:
            return nominal * factor * draw.lognormvariate(0, noise)

        old = [seconds() for _ in range(ROUNDS)]
        new = [seconds() * odd.get("second", 1.0) for _ in range(ROUNDS)]
        null = [(seconds(0.0002), seconds(0.0002)) for _ in range(ROUNDS)]
        references = [[seconds(nominal, 1.0) for _ in range(ROUNDS)] for nominal in (0.0005, 0.0007)]
        found.append(Trial(old, new, null, references, 0.0008 * of_it))
    return found


def gate(key: str, setting: str) -> Gate:
    return next(one for one in GATES if (one.key, one.setting) == (key, setting))


class Executing:
    """A pair whose executions are counted; each takes its turn's number of milliseconds."""

    def __init__(self, log: list[str], name: str) -> None:
        self._log, self._name, self.number = log, name, 0

    def _execute(self, side: str) -> float:
        self._log.append(f"{self._name}.{side}")
        self.number += 1
        return self.number / 1000

    def old(self) -> float:
        return self._execute("old")

    def new(self) -> float:
        return self._execute("new")


def test_a_round_has_both_executions_of_each_statement_the_null_pair_and_each_reference_once() -> None:
    log: list[str] = []
    names = ("one", "other", "null", "first", "second")
    pairs = {name: Executing(log, name) for name in names}
    statements = {name: pairs[name] for name in ("one", "other")}
    found = trials_of(Connected(statements, pairs["null"], [pairs["first"], pairs["second"]]), Random(1))
    assert found.keys() == statements.keys()
    one = found["one"]
    assert [len(series) for series in (one.old, one.new, one.control, *one.references)] == [ROUNDS] * 5
    measured = log[WARM_UP * len(names) * 2 :]
    both = [f"{name}.{side}" for name in ("one", "other", "null") for side in ("old", "new")]
    assert {name: measured.count(name) for name in measured} == dict.fromkeys(
        [*both, "first.new", "second.new"], ROUNDS
    )
    begins = {measured[start].partition(".")[0] for start in range(0, len(measured), len(both) + 2)}
    assert begins == set(names)
    # Even rounds execute the first side first, odd ones the second.
    firsts = [old < new for old, new in zip(one.old, one.new, strict=True)]
    assert firsts == [number % 2 == 0 for number in range(ROUNDS)]


@pytest.mark.parametrize("one", GATES, ids=lambda one: f"{one.key} {one.setting}")
def test_on_a_quiet_machine_no_gate_is_wrong(one: Gate) -> None:
    found = tried(one, {"a": trials(), "b": trials(seed=2)})
    assert found
    assert (found.wrong, dict(found.by)) == (0, {})
    assert found.n >= 2 * (12 - 1)
    assert 0.1 < found.upper < 0.13
    assert found.sees is not None


@pytest.mark.parametrize(
    ("key", "setting", "least", "most"),
    [
        ("latency.p50", "1.25 × measured", 0.25, 0.3),
        ("latency.p50", "2 × measured", 1.5, 1.5),
        ("latency.p95", "3 × measured", 3.0, 3.0),
        ("latency.regress", "5%", 0.05, 0.05),
        ("latency.regress", "10%", 0.1, 0.1),
        ("latency.regress", "20%", 0.15, 0.2),
        ("latency.baseline", "15%", 0.2, 0.2),
        ("latency.baseline", "25%", 0.3, 0.3),
        ("cpu.per_call", "1.1 × measured", 0.15, 0.15),
        ("cpu.per_call", "1.5 × measured", 0.75, 0.75),
    ],
)
def test_what_a_gate_sees_follows_from_its_setting(key: str, setting: str, least: float, most: float) -> None:
    found = tried(gate(key, setting), {"a": trials(), "b": trials(seed=2)})
    assert found
    assert found.sees is not None
    assert least <= found.sees <= most


def test_connections_that_differ_fool_the_gates_that_compare_connections() -> None:
    """And not the one that alternates on one."""
    statements = {str(seed): trials(20, between=0.3, seed=seed) for seed in range(6)}
    wrong = {
        one.key: tried(one, statements)
        for one in (gate("latency.p50", "1.25 × measured"), gate("latency.regress", "10%"))
    }
    first, second = wrong.values()
    assert first
    assert second
    assert first.wrong > 0
    assert second.wrong == 0
    assert first.upper > first.wrong / first.n


def test_a_second_execution_that_is_always_slower_is_the_paired_gates_mistake() -> None:
    found = tried(gate("latency.regress", "5%"), {"steady": trials(), "odd": trials(second=1.08)})
    assert found
    assert (found.wrong, dict(found.by)) == (12, {"odd": 12})


def test_recorded_figures_that_vary_are_undecided_rather_than_wrong() -> None:
    found = tried(gate("latency.baseline", "15%"), {"a": trials(20, between=0.15)})
    assert found
    assert (found.wrong, found.undecided, found.sees) == (0, 20, None)


def test_what_was_wrong_once_must_be_confirmed() -> None:
    steady, slow = trials(8), trials(1)[0].slower(3.0)
    assert absolute("p50", 2)([*steady, slow], 0.0)[-1] is Verdict.UNJUDGED
    assert stored(0.25)([*steady, slow], 0.0)[-1] is Verdict.UNJUDGED
    assert absolute("p50", 2)([*steady, slow, slow], 0.0)[-2:] == [Verdict.OVER, Verdict.UNJUDGED]


@pytest.mark.parametrize(
    ("verdicts", "number", "least"),
    [(absolute("p50", 2), 1, 0), (stored(0.25), 5, 0), (stored(0.25), 6, 6), (paired(0.1), 1, 1), (cpu(1.5), 1, 0)],
)
def test_too_few_trials_are_not_decided_about(verdicts: object, number: int, least: int) -> None:
    assert callable(verdicts)
    assert len(verdicts(trials(number), 0.0)) == least


def test_what_waited_for_a_processor_does_not_confirm() -> None:
    """A neighbour takes the processor for two milliseconds of every execution, from the second trial on."""
    first, *others = trials(8)
    waited = [0.002] * (2 * ROUNDS)
    hindered = [replace(one, old=_plus(one.old), new=_plus(one.new), waited=waited) for one in others]
    unknown = [replace(one, waited=()) for one in hindered]
    assert set(absolute("p50", 2)([first, *hindered], 0.0)) == {Verdict.UNJUDGED}
    assert set(absolute("p50", 2)([first, *unknown], 0.0)) == {Verdict.OVER}
    assert set(absolute("p50", 2)([first, *hindered], 2.0)) == {Verdict.OVER}


def _plus(seconds: Sequence[float]) -> list[float]:
    return [one + 0.002 for one in seconds]


def test_a_slower_statement_waits_as_long() -> None:
    one = replace(trials(1)[0], waited=[0.0005] * (2 * ROUNDS))
    slower = one.slower(1.0)
    assert slower.unhindered == pytest.approx([2 * seconds for seconds in one.unhindered])
    assert slower.samples == pytest.approx([2 * seconds - 0.0005 for seconds in one.samples])


def test_without_cpu_times_that_gate_is_left_out() -> None:
    without: Sequence[Trial] = [Trial(one.old, one.new, one.control, one.references) for one in trials()]
    assert tried(gate("cpu.per_call", "1.5 × measured"), {"a": without}) is None


def test_the_strictest_setting_that_holds_is_chosen() -> None:
    settings = {one.setting: one for one in GATES if one.key == "latency.p50"}
    wrong = {
        "1.25 × measured": (3, 0.3),
        "1.5 × measured": (0, None),
        "2 × measured": (0, 1.5),
        "3 × measured": (0, 3.0),
    }
    tries = [Tried(settings[name], 50, n, 0.1, 0, sees, {}) for name, (n, sees) in wrong.items()]
    assert chosen(tries) == {"latency.p50": tries[2]}
    assert chosen(tries[:2]) == {"latency.p50": None}


def test_each_key_has_one_usual_setting() -> None:
    keys = [one.key for one in GATES if one.usual]
    assert sorted(keys) == sorted({one.key for one in GATES})
