"""A budget is exceeded only if it is exceeded twice: two connections of one server differ by themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from pytest_perfbudget.measure.sampling import CAP, WARM_UP, Cap, Decision, Sampled, State, sample


def measure(
    fresh: Callable[[], Callable[[], float]],
    allowed: Mapping[str, float],
    clock: Callable[[], float],
    cap: Cap = CAP,
    warm_up: int = WARM_UP,
) -> Sampled:
    """Sample on a fresh connection; what is ``beyond`` there is sampled once more on another one.

    ``fresh`` opens a connection and gives what executes the statement on it, as for
    :func:`~pytest_perfbudget.measure.sampling.sample`. A ``beyond`` that the second connection does not confirm
    becomes ``undecided``. The samples are the first connection's.
    """
    first = sample(fresh(), allowed, clock, cap, warm_up)
    if not first.beyond:
        return first
    suspected = {key: allowed[key] for key in allowed if key in first.beyond}
    second = sample(fresh(), suspected, clock, cap, warm_up)
    return replace(confirmed(first, second), spent=first.spent + second.spent)


def confirmed(first: Sampled, second: Sampled) -> Sampled:
    """``first``, with each ``beyond`` that ``second`` does not share made ``undecided``."""
    decisions = {
        key: _confirmed(decision, second.decisions.get(key)) if key in first.beyond else decision
        for key, decision in first.decisions.items()
    }
    return replace(first, decisions=decisions)


def _confirmed(decision: Decision, again: Decision | None) -> Decision:
    if again is not None and again.state is State.BEYOND:
        return replace(decision, reason=f"{decision.reason}; on a fresh connection {again.reason}")
    seen = f"{again.state} ({again.reason})" if again else "not measured"
    return replace(
        decision,
        state=State.UNDECIDED,
        reason=f"beyond once ({decision.reason}), on a fresh connection {seen}",
    )
