"""``latency.baseline`` of a test: each statement beside the reference queries, against the runs that are recorded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from random import Random
from time import perf_counter, sleep

from pytest_perfbudget.budgets.budget import Budget, Slowdown
from pytest_perfbudget.errors import DisturbedError
from pytest_perfbudget.measure.beside import Beside, Figure, figure
from pytest_perfbudget.measure.calibration import REFERENCES
from pytest_perfbudget.measure.regression import APART
from pytest_perfbudget.measure.stored import NEEDED, Recorded, judge, too_few
from pytest_perfbudget.measure.unhindered import Unhindered
from pytest_perfbudget.model import Finding, QueryEvidence, Stored, TestEvidence, Verdict
from pytest_perfbudget.postgres.backends import scheduled
from pytest_perfbudget.session.neighbours import neighbours
from pytest_perfbudget.session.place import Place
from pytest_perfbudget.session.stored.history import History
from pytest_perfbudget.session.stored.machine import machine
from pytest_perfbudget.session.timing import capped
from pytest_perfbudget.verdict.stored import beyond, compared, confirmed, unjudged, whole
from pytest_perfbudget.verdict.unexplained import NONE_PLANNED, is_planned, not_timed, of_nothing_planned


@dataclass(frozen=True, slots=True)
class Asked:
    """What a budget says of one query, and the figures it is held to."""

    query: QueryEvidence
    held: Slowdown
    recorded: Sequence[Recorded]


def compare_with_runs(
    budget: Budget, evidence: TestEvidence, place: Place, history: History, disturbed: str | None
) -> tuple[TestEvidence, tuple[Finding, ...]]:
    """The evidence with each statement's figure, and the findings about it.

    Nothing is measured where it would neither be judged nor recorded.

    Raises:
        BaselineError: a recorded run cannot be read.
    """
    asked = _asked(budget, evidence, history)
    of_none = [one.latency_baseline for one in of_nothing_planned(budget, evidence.queries) if one.latency_baseline]
    why = {key: words for key, one in asked.items() if (words := _not_now(one, budget, history, disturbed))}
    measured, failed = _measured({key: one for key, one in asked.items() if key not in why}, place)
    why |= failed
    findings = [whole(held, NONE_PLANNED) for held in of_none]
    findings += [unjudged(asked[key].query, asked[key].held, words) for key, words in why.items()]
    found = (beyond(asked[key].query, asked[key].held, stored) for key, stored in measured.items())
    queries = tuple(replace(query, stored=measured.get(query.key)) for query in evidence.queries)
    return replace(evidence, queries=queries) if asked else evidence, (*findings, *filter(None, found))


def _asked(budget: Budget, evidence: TestEvidence, history: History) -> dict[str, Asked]:
    """The strictest margin that concerns each query; nothing of what is never planned."""
    held: dict[str, Slowdown] = {}
    for query in evidence.queries:
        margins = [one.latency_baseline for one in budget.concerning(query.names) if one.latency_baseline]
        if margins and is_planned(query):
            held[query.key] = min(margins, key=lambda one: one.share)
    queries = [query for query in evidence.queries if query.key in held]
    recorded = history.of(evidence.test, queries, evidence.environment) if queries else {}
    return {query.key: Asked(query, held[query.key], recorded[query.key]) for query in queries}


def _not_now(one: Asked, budget: Budget, history: History, disturbed: str | None) -> str:
    """Why a statement is not measured, empty if it is."""
    if disturbed:
        return disturbed
    if why := not_timed(one.query.executions[0]):
        return why
    if one.query.writes and not budget.latency_writes:
        return "the statement writes; latency.writes = true times it"
    if len(one.recorded) < NEEDED and not history.records:
        return too_few(len(one.recorded), one.held.share)
    return ""


def _measured(asked: Mapping[str, Asked], place: Place) -> tuple[dict[str, Stored], dict[str, str]]:
    """What was measured of each, and why the rest was not. What is too slow is measured again a while later."""
    if not asked:
        return {}, {}
    words = f"timing {len(asked)} statement{'s' if len(asked) > 1 else ''} against recorded runs"
    try:
        with place.progress(words), place.undisturbed() as left:
            ends = perf_counter() + left
            cpu = machine(place.server)
            stored, why = _once(asked, place, cpu, ends)
            doubtful = {key: asked[key] for key, one in stored.items() if one.verdict == Verdict.REGRESSED}
            if doubtful:
                sleep(APART)
            for key, one in doubtful.items():
                since = neighbours(place).watch()
                again = _figure(one.query, place, ends)
                judged = judge(again.value, one.recorded, cpu, one.held.share) if again.value else None
                stored[key] = confirmed(stored[key], again, judged, since())
    except DisturbedError as error:
        return {}, dict.fromkeys(asked, error.what)
    return stored, why


def _once(asked: Mapping[str, Asked], place: Place, cpu: str, ends: float) -> tuple[dict[str, Stored], dict[str, str]]:
    stored: dict[str, Stored] = {}
    why: dict[str, str] = {}
    for key, one in asked.items():
        measured = _figure(one.query, place, ends)
        if measured.value is None:
            why[key] = measured.reason
        else:
            judged = judge(measured.value, one.recorded, cpu, one.held.share)
            stored[key] = compared(measured, judged, cpu)
    return stored, why


def _figure(query: QueryEvidence, place: Place, ends: float) -> Figure:
    """Of the query's last execution, on new connections. What waits for a processor does not count: a long execution
    is interrupted more often than a short one, so that it would not cancel.
    """
    import psycopg

    @contextmanager
    def fresh() -> Iterator[Beside]:
        with place.calling(query.executions[-1:], undo=query.writes) as calls:
            calls()
            if differs := calls.differs():
                raise DisturbedError(differs)
            with scheduled(calls.connection.info.backend_pid, place.database) as clock:
                references = [Unhindered(calls.another(sql), clock) for sql in REFERENCES]
                yield Beside(Unhindered(calls, clock), references)

    try:
        return figure(fresh, perf_counter, Random(0), capped(ends - perf_counter()))  # noqa: S311 - an order
    except psycopg.Error as error:
        return Figure(None, 0, f"it could not be executed again: {str(error).splitlines()[0]}")
    except DisturbedError as error:
        return Figure(None, 0, error.what)
