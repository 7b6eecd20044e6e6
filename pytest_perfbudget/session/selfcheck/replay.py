"""Statements executed again and again, against themselves, until the time is up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from random import Random
from time import perf_counter

from pytest_perfbudget.capture.replay import Replay
from pytest_perfbudget.errors import DisturbedError
from pytest_perfbudget.measure.cpu import SLICE, of_a_backend
from pytest_perfbudget.measure.rounds import WARM_UP, Pair, turn
from pytest_perfbudget.measure.selfcheck import FEWEST
from pytest_perfbudget.measure.trials import ROUNDS, Trial, trials_of
from pytest_perfbudget.measure.unhindered import Unhindered, hindered
from pytest_perfbudget.model.resources import Scheduled
from pytest_perfbudget.postgres.backends import cpu_clock, scheduled
from pytest_perfbudget.postgres.processors import in_turn
from pytest_perfbudget.postgres.server import Server
from pytest_perfbudget.session.against.layouts import OneConnection
from pytest_perfbudget.session.against.sides import Sides, beside, connected
from pytest_perfbudget.session.selfcheck.suite import Sent
from pytest_perfbudget.units import format_seconds

GROUP = 8
"""Statements on one connection, beside the same reference queries."""


@dataclass(slots=True)
class Replayed:
    """The trials of each statement, by its name, in the order they were made; why others have none; why no CPU time
    could be read."""

    trials: dict[str, list[Trial]] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)
    no_cpu: str = ""


def replay(server: Server, database: str, sent: Sequence[Sent], seconds: float) -> Replayed:
    """For about so many ``seconds``: a trial of each statement, then another of each, as often as there is time for.

    Each needs :data:`~pytest_perfbudget.measure.selfcheck.FEWEST`. Where the time is not enough for all statements,
    it is for the fastest.
    """
    started, order = perf_counter(), Random(0)  # noqa: S311 - of executions
    found = Replayed()
    layout = OneConnection(server, database, "against itself")
    taken = {one.name: _once(layout, one, found) for one in sent}
    references = _references(layout) / GROUP
    left = seconds - (perf_counter() - started)
    costs = {one.name: _cost(taken[one.name], references) for one in sent if one.name not in found.why}
    chosen = _affordable([one for one in sent if one.name in costs], costs, left, found)
    number = 0
    while chosen and (number < FEWEST or perf_counter() - started < seconds):
        for first in range(0, len(chosen), GROUP):
            _trials(layout, chosen[first : first + GROUP], order, found)
        chosen = [one for one in chosen if one.name not in found.why]
        number += 1
    return found


def _once(layout: OneConnection, one: Sent, found: Replayed) -> float:
    """Seconds of its second execution on a connection; why it cannot be repeated is noted."""
    import psycopg

    try:
        with layout.connect() as (end, _):
            execute = Replay(end.connection, one.statement)
            execute()
            if words := execute.differs():
                found.why[one.name] = words
            return execute()
    except psycopg.Error as error:
        found.why[one.name] = f"it could not be executed again: {str(error).splitlines()[0]}"
        return 0.0


class Waiting:
    """A pair that notes how long each execution waited for a processor that others had, by ``clock``."""

    def __init__(self, pair: Pair, clock: Callable[[], Scheduled]) -> None:
        self._pair, self._clock = pair, clock
        self._old: list[float] = []
        self._new: list[float] = []

    def old(self) -> float:
        return self._noted(self._pair.old, self._old)

    def new(self) -> float:
        return self._noted(self._pair.new, self._new)

    def waited(self, rounds: int) -> list[float]:
        """Of the last so many rounds, side by side."""
        both = zip(self._old[-rounds:], self._new[-rounds:], strict=True)
        return [seconds for one in both for seconds in one]

    def _noted(self, execute: Callable[[], float], waited: list[float]) -> float:
        before = self._clock()
        taken = execute()
        waited.append(hindered(taken, before, self._clock()))
        return taken


@dataclass(frozen=True, slots=True)
class WithoutWaiting:
    """A pair whose executions do not count what they waited."""

    old: Unhindered
    new: Unhindered


def _references(layout: OneConnection) -> float:
    """Seconds that a round of them takes."""
    with connected(layout, {}) as own:
        for number in range(2):
            control = sum(turn(own.control, number))
            references = sum(one.new() for one in own.references)
    return control + references


def _cost(seconds: float, beside: float) -> float:
    """Of FEWEST trials of a statement that takes so many ``seconds``, ``beside`` being its part of the references."""
    return FEWEST * ((WARM_UP + ROUNDS) * (2 * seconds + beside) + SLICE)


def _affordable(sent: Sequence[Sent], costs: Mapping[str, float], seconds: float, found: Replayed) -> list[Sent]:
    """Those that FEWEST trials of each fit into the time, the fastest first."""
    kept = set()
    for one in sorted(sent, key=lambda one: costs[one.name]):
        cost = costs[one.name]
        if cost <= seconds:
            kept.add(one.name)
            seconds -= cost
        else:
            found.why[one.name] = f"no time left: {FEWEST} trials of it take {format_seconds(cost)}"
    return [one for one in sent if one.name in kept]


def _trials(layout: OneConnection, group: Sequence[Sent], order: Random, found: Replayed) -> None:
    """One of each, on a new connection. What fails now is not tried again, and is left out with those beside it."""
    import psycopg

    try:
        with layout.connect() as ends, scheduled(ends[0].connection.info.backend_pid, layout.database) as clock:
            pairs = beside(ends, {one.name: Sides(one.statement, one.statement) for one in group})
            noted = {name: Waiting(pair, clock) for name, pair in pairs.pairs.items()}
            references = [
                WithoutWaiting(Unhindered(one.old, clock), Unhindered(one.new, clock)) for one in pairs.references
            ]
            seen = trials_of(replace(pairs, pairs=noted, references=references), order)
        for one in group:
            cpu, waited = _cpu(layout, one, found), noted[one.name].waited(ROUNDS)
            found.trials.setdefault(one.name, []).append(replace(seen[one.name], cpu=cpu, waited=waited))
    except psycopg.Error as error:
        for one in group:
            found.why[one.name] = f"broken off: {str(error).splitlines()[0]}"
            found.trials.pop(one.name, None)


def _cpu(layout: OneConnection, one: Sent, found: Replayed) -> float | None:
    """CPU seconds of an execution on a backend of its own; None where they cannot be read."""
    if found.no_cpu:
        return None
    with layout.connect() as (end, _), ExitStack() as kept:
        execute, backend = Replay(end.connection, one.statement), end.connection.info.backend_pid
        try:
            clock = cpu_clock(backend, layout.database)
        except DisturbedError as error:
            found.no_cpu = error.what
            return None
        kept.enter_context(in_turn(backend, layout.database, len(found.trials.get(one.name, ()))))

        def calls(number: int) -> float:
            before = clock()
            for _ in range(number):
                execute()
            return clock() - before

        return of_a_backend(calls, perf_counter)[0]
