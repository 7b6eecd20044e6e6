"""How often each gate would be wrong here, and what it would see: its decisions about trials of unchanged statements.

Nothing has changed, so that every failure is wrong. The same trials with the statement's times multiplied tell what is
seen. All trials are of one server and a few minutes: what differs between days is not in them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pytest_perfbudget.measure.cpu import MOST, settled
from pytest_perfbudget.measure.paired import LOOKS, Comparison, Look
from pytest_perfbudget.measure.regression import outcome
from pytest_perfbudget.measure.sampling import Cap, State, decided
from pytest_perfbudget.measure.statistics import QUANTILES, percentile, share_bounds
from pytest_perfbudget.measure.stored import NEEDED, Recorded, judge
from pytest_perfbudget.measure.trials import ROUNDS, Trial
from pytest_perfbudget.model import Verdict
from pytest_perfbudget.units import format_measure

FEWEST = 10
"""Trials of a statement: each has enough others to be recorded runs, and those after the first enough backends for a
CPU time."""
SEEN = 0.95
"""The share of trials in which what is seen must fail."""
CONFIDENCE = 0.95
GROWN = (0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0)
"""Shares by which statements are made slower."""
FAILS = (Verdict.OVER, Verdict.REGRESSED)
_CAP = Cap(math.inf, f"the {2 * ROUNDS} executions of a trial were")
_LOOKS = tuple(look for look in LOOKS if look <= ROUNDS)

T = TypeVar("T")
Verdicts = Callable[[Sequence[Trial], float], list[Verdict]]
"""The verdict about each trial of one statement, were it slower by a share than when its limit was set."""


@dataclass(frozen=True, slots=True)
class Gate:
    """A key, how it is set, and how it decides; ``usual`` is the setting that is asked about."""

    key: str
    setting: str
    verdicts: Verdicts
    usual: bool = False


@dataclass(frozen=True, slots=True)
class Tried:
    """``wrong`` of ``n`` trials failed though nothing had changed, of all at most the share ``upper`` (95 %); ``by``
    says of which statements. ``undecided`` of them were unjudged. ``sees`` is the smallest slowdown of :data:`GROWN`
    that fails in 95 of 100 trials, None where none does."""

    gate: Gate
    n: int
    wrong: int
    upper: float
    undecided: int
    sees: float | None
    by: Mapping[str, int]


def tried(gate: Gate, statements: Mapping[str, Sequence[Trial]]) -> Tried | None:
    """The gate over all trials; None where it could decide about none."""
    unchanged = {key: gate.verdicts(trials, 0.0) for key, trials in statements.items()}
    n = sum(map(len, unchanged.values()))
    if not n:
        return None
    by = {key: wrong for key, verdicts in unchanged.items() if (wrong := _failing(verdicts))}
    undecided = sum(verdicts.count(Verdict.UNJUDGED) for verdicts in unchanged.values())
    wrong = sum(by.values())
    sees = next((share for share in GROWN if _seen(gate, statements.values(), share)), None)
    return Tried(gate, n, wrong, share_bounds(wrong, n, CONFIDENCE)[1], undecided, sees, by)


def _failing(verdicts: Iterable[Verdict]) -> int:
    return sum(verdict in FAILS for verdict in verdicts)


def _seen(gate: Gate, statements: Iterable[Sequence[Trial]], share: float) -> bool:
    verdicts = [verdict for trials in statements for verdict in gate.verdicts(trials, share)]
    return _failing(verdicts) >= SEEN * len(verdicts)


def absolute(quantile: str, headroom: float) -> Verdicts:
    """``latency.p50`` or ``.p95``, at so many times what the first trial shows."""

    def verdicts(trials: Sequence[Trial], slower: float) -> list[Verdict]:
        allowed = headroom * percentile(trials[0].samples, QUANTILES[quantile])
        slowed = [one.slower(slower) for one in trials[1:]]

        def state(samples: Sequence[float]) -> State:
            return decided(samples, {quantile: allowed}, _CAP)[quantile].state

        # As in a test, what is suspected is confirmed without what it waited for a processor.
        return [_confirmed(one, after, state) for one, after in _with_the_next(slowed)]

    return verdicts


def _confirmed(one: Trial, after: Trial, state: Callable[[Sequence[float]], State]) -> Verdict:
    first = state(one.samples)
    if first is State.WITHIN:
        return Verdict.SAME
    beyond = first is State.BEYOND and state(after.unhindered) is State.BEYOND
    return Verdict.OVER if beyond else Verdict.UNJUDGED


def paired(regress: float) -> Verdicts:
    """``latency.regress``: the second execution of each round against the first."""

    def verdicts(trials: Sequence[Trial], slower: float) -> list[Verdict]:
        looks = [_compared(one, slower, regress) for one in trials]
        return [outcome(first, again).verdict for first, again in _with_the_next(looks)]

    return verdicts


def _compared(one: Trial, slower: float, regress: float) -> Look:
    comparison = Comparison(regress, _LOOKS)
    for old, new, null in zip(one.old, one.slower(slower).new, one.control, strict=True):
        comparison.add(old, new, null)
        comparison.look()
        if not comparison.open:
            break
    return comparison.stop("the rounds of a trial were over")


def stored(asked: float) -> Verdicts:
    """``latency.baseline``: each trial against all the others, as if they were recorded runs on this machine."""

    def verdicts(trials: Sequence[Trial], slower: float) -> list[Verdict]:
        figures = [one.figure for one in trials]
        if len(figures) <= NEEDED:
            return []
        judged = [_judged(figures, number, slower, asked) for number in range(len(figures))]
        return [
            Verdict.UNJUDGED if first is Verdict.REGRESSED and again is not Verdict.REGRESSED else first
            for first, again in _with_the_next(judged)
        ]

    return verdicts


def _judged(figures: Sequence[float], number: int, slower: float, asked: float) -> Verdict:
    others = [Recorded(figure, "here") for place, figure in enumerate(figures) if place != number]
    return judge(figures[number] * (1 + slower), others, "here", asked).verdict


def cpu(headroom: float) -> Verdicts:
    """``cpu.per_call``, at so many times what the first trial shows."""

    def verdicts(trials: Sequence[Trial], slower: float) -> list[Verdict]:
        first, *figures = [one.cpu for one in trials if one.cpu] or [0.0]
        allowed = headroom * first / (1 + slower)
        return [_of_backends([*figures[n:], *figures[:n]], allowed) for n in range(len(figures))]

    return verdicts


def _of_backends(figures: Sequence[float], allowed: float) -> Verdict:
    """One backend after the other, until they agree; of fewer than the gate may ask, all that there are."""
    for n in range(1, min(len(figures), MOST) + 1):
        if settled(figures[:n], allowed):
            return Verdict.SAME if min(figures[:n]) <= allowed else Verdict.OVER
    return Verdict.SAME if min(figures) <= allowed else Verdict.OVER


def _with_the_next(trials: Sequence[T]) -> Iterator[tuple[T, T]]:
    """Each with the one that confirms it: another new connection, a while later."""
    return zip(trials, [*trials[1:], *trials[:1]], strict=True)


def _percent(share: float) -> str:
    return format_measure(share, "%")


GATES: tuple[Gate, ...] = (
    *(Gate("latency.p50", f"{times:g} × measured", absolute("p50", times), times == 2) for times in (1.25, 1.5, 2, 3)),
    *(Gate("latency.p95", f"{times:g} × measured", absolute("p95", times), times == 3) for times in (1.5, 2, 3)),
    *(Gate("latency.regress", _percent(share), paired(share), share == 0.1) for share in (0.05, 0.1, 0.2)),
    *(Gate("latency.baseline", _percent(share), stored(share), share == 0.25) for share in (0.15, 0.25)),
    *(Gate("cpu.per_call", f"{times:g} × measured", cpu(times), times == 1.5) for times in (1.1, 1.25, 1.5)),
)
"""Every kind of gate that the clock decides, from its strictest setting to its widest."""


def chosen(tries: Sequence[Tried]) -> dict[str, Tried | None]:
    """The strictest setting of each key that was never wrong and sees something; None where none is so."""
    found: dict[str, Tried | None] = {}
    for one in tries:
        if not found.get(one.gate.key):
            found[one.gate.key] = one if not one.wrong and one.sees is not None else None
    return found
