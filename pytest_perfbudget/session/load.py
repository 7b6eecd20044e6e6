"""``throughput.min`` and ``cpu.per_call``: all statements of a test replayed, by several clients at once, or by one
whose backend's CPU time is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from itertools import count
from time import perf_counter, sleep

from pytest_perfbudget.budgets.budget import Budget, Limit
from pytest_perfbudget.capture.replay import Calls
from pytest_perfbudget.errors import DisturbedError
from pytest_perfbudget.measure.cpu import cpu_time
from pytest_perfbudget.measure.load import calls_per_round, throughput
from pytest_perfbudget.measure.sampling import WARM_UP, WARM_UP_SHARE, Cap
from pytest_perfbudget.model import Finding, Statement, TestEvidence
from pytest_perfbudget.model.resources import Used
from pytest_perfbudget.postgres.backends import cpu_clock
from pytest_perfbudget.postgres.processors import in_turn
from pytest_perfbudget.session.neighbours import neighbours
from pytest_perfbudget.session.place import Place
from pytest_perfbudget.session.timing import capped
from pytest_perfbudget.statements import Kind, kind, one_line, verb
from pytest_perfbudget.verdict.bounded import unjudged
from pytest_perfbudget.verdict.load import check_cpu, check_throughput

_WIDTH = 60
"""Characters of a statement that are shown."""

_TRANSACTION = ("begin", "start", "commit", "end", "rollback", "abort", "savepoint", "release")
_SESSION = ("set", "reset", "show", "discard", "deallocate", "listen", "unlisten", "close")
_STEERS = frozenset(("", *_TRANSACTION, *_SESSION))
"""First words of what steers a connection, and is no part of a call: a replay has a connection of its own."""

Found = tuple[Used | None, Finding | None]


def measure_load(
    budget: Budget, evidence: TestEvidence, place: Place, disturbed: str | None = None
) -> tuple[TestEvidence, tuple[Finding, ...]]:
    """The evidence with the figures, and the findings about them. ``disturbed`` slows the client: it has no throughput
    then, and its backend the same CPU time."""
    found: list[Found] = []
    if limit := budget.limits.get("throughput.min"):
        found.append(_judged(limit, lambda: _throughput(limit, budget.clients, evidence, place, disturbed)))
    if cpu := budget.limits.get("cpu.per_call"):
        found.append(_judged(cpu, lambda: _cpu(cpu, evidence, place)))
    used = tuple(one for one, _ in found if one)
    return replace(evidence, used=evidence.used + used), tuple(finding for _, finding in found if finding)


def replayed(evidence: TestEvidence) -> Sequence[Statement]:
    """What a call executes: every statement of the test that reads.

    Raises:
        DisturbedError: the test writes, reads nothing, or does what is not repeated (a server-side cursor, COPY, CALL):
            it would be another test.
    """
    sent = [one for query in evidence.queries for one in query.executions]
    statements = [one for one in sent if kind(one.sql) is not Kind.UTILITY]
    writes = next((one for one in statements if kind(one.sql) is Kind.WRITE), None)
    if writes:
        raise DisturbedError(f"the test writes, and is not repeated: {one_line(writes.sql, _WIDTH)}")
    if left_out := next((one for one in sent if kind(one.sql) is Kind.UTILITY and verb(one.sql) not in _STEERS), None):
        raise DisturbedError(
            f"{verb(left_out.sql).upper()} is not repeated, and without it another call than the test's would be "
            f"measured: {one_line(left_out.sql, _WIDTH)}"
        )
    if failed := next((one for one in statements if one.error), None):
        raise DisturbedError(f"a statement of the test failed ({failed.error}): {one_line(failed.sql, _WIDTH)}")
    if not statements:
        raise DisturbedError("the test executed no statement that reads")
    return statements


def _judged(limit: Limit, measure: Callable[[], Found]) -> Found:
    import psycopg

    try:
        return measure()
    except DisturbedError as error:
        return None, unjudged(limit, error.what)
    except psycopg.Error as error:
        return None, unjudged(limit, f"it could not be executed again: {str(error).splitlines()[0]}")


def _throughput(limit: Limit, clients: int, evidence: TestEvidence, place: Place, disturbed: str | None) -> Found:
    if disturbed:
        raise DisturbedError(disturbed)
    statements = replayed(evidence)
    what = f"measuring throughput.min with {clients} client{'s' if clients > 1 else ''}"
    with place.progress(what), place.undisturbed() as left, ExitStack() as open_:

        def fresh() -> Callable[[], float]:
            calls = [open_.enter_context(place.calling(statements)) for _ in range(clients)]
            return _Clients(calls, open_.enter_context(ThreadPoolExecutor(clients))).warm(capped(left))

        watch = neighbours(place).watch
        return check_throughput(limit, clients, throughput(fresh, limit.value, perf_counter, capped(left), watch))


class _Clients:
    """Connections that call at once, each in a thread."""

    def __init__(self, calls: Sequence[Calls], threads: ThreadPoolExecutor) -> None:
        self._calls, self._threads = calls, threads

    def warm(self, cap: Cap) -> Callable[[], float]:
        """What executes a round and returns its seconds for each call, once the connections have prepared what they
        will, and it is known how many calls a round takes."""
        started = perf_counter()
        seconds = self._round(1)
        for calls in self._calls:
            if words := calls.differs():
                raise DisturbedError(words)
        for _ in range(WARM_UP):
            if perf_counter() - started >= cap.seconds * WARM_UP_SHARE:
                break
            seconds = self._round(1)
        number = calls_per_round(seconds * len(self._calls))
        return lambda: self._round(number)

    def _round(self, number: int) -> float:
        def client(calls: Calls) -> None:
            for _ in range(number):
                calls()

        started = perf_counter()
        for _ in self._threads.map(client, self._calls):
            pass
        return (perf_counter() - started) / (number * len(self._calls))


def _cpu(limit: Limit, evidence: TestEvidence, place: Place) -> Found:
    statements = replayed(evidence)
    with place.progress("measuring cpu.per_call"), place.undisturbed() as left, ExitStack() as open_:
        kept, numbers = open_.enter_context(ExitStack()), count()

        def fresh() -> Callable[[int], float]:
            calls = open_.enter_context(place.calling(statements))
            backend = calls.connection.info.backend_pid
            clock = cpu_clock(backend, place.database)
            kept.close()
            kept.enter_context(in_turn(backend, place.database, next(numbers)))
            calls()
            if words := calls.differs():
                raise DisturbedError(words)

            def execute(number: int) -> float:
                before = clock()
                for _ in range(number):
                    calls()
                return clock() - before

            return execute

        watch = neighbours(place).watch
        return check_cpu(limit, cpu_time(fresh, limit.value, perf_counter, sleep, capped(left), watch))
