"""A budget is exceeded only if it is exceeded twice: two connections of one server differ by themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol

from pytest_perfbudget.measure.sampling import CAP, WARM_UP, Cap, Decision, Sampled, State, sample
from pytest_perfbudget.measure.unhindered import Unhindered


class Sample(Protocol):
    """:func:`~pytest_perfbudget.measure.sampling.sample`, or what has more to say of its decisions."""

    def __call__(
        self,
        execute: Callable[[], float],
        allowed: Mapping[str, float],
        clock: Callable[[], float],
        cap: Cap,
        warm_up: int,
    ) -> Sampled: ...


def measure(
    fresh: Callable[[], Callable[[], float]],
    allowed: Mapping[str, float],
    clock: Callable[[], float],
    cap: Cap = CAP,
    warm_up: int = WARM_UP,
    again: Callable[[], Callable[[], float]] | None = None,
    sampling: Sample = sample,
    sampling_again: Sample | None = None,
) -> Sampled:
    """Sample on a fresh connection; what is ``beyond`` there is sampled once more on another one.

    ``fresh`` opens a connection and gives what executes the statement on it, as for
    :func:`~pytest_perfbudget.measure.sampling.sample`; ``again`` does so for the second one, and may leave out what is
    not the statement's. A ``beyond`` that the second connection does not confirm becomes ``undecided``. The samples are
    the first connection's.
    """
    first = sampling(fresh(), allowed, clock, cap, warm_up)
    if not first.beyond:
        return first
    suspected = {key: allowed[key] for key in allowed if key in first.beyond}
    execute = (again or fresh)()
    second = (sampling_again or sampling)(execute, suspected, clock, cap, warm_up)
    words = str(execute) if isinstance(execute, Unhindered) else ""
    return replace(confirmed(first, second, words), spent=first.spent + second.spent)


def confirmed(first: Sampled, second: Sampled, words: str = "") -> Sampled:
    """``first``, with each ``beyond`` that ``second`` does not share made ``undecided``; ``words`` tell how that was
    measured."""
    where = f"on a fresh connection, {words}," if words else "on a fresh connection"
    decisions = {
        key: _confirmed(decision, second.decisions.get(key), where) if key in first.beyond else decision
        for key, decision in first.decisions.items()
    }
    return replace(first, decisions=decisions)


def _confirmed(decision: Decision, again: Decision | None, where: str) -> Decision:
    if again is not None and again.state is State.BEYOND:
        return replace(decision, reason=f"{decision.reason}; {where} {again.reason}")
    seen = f"{again.state} ({again.reason})" if again else "not measured"
    return replace(
        decision,
        state=State.UNDECIDED,
        reason=f"beyond once ({decision.reason}), {where} {seen}",
    )
