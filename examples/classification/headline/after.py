"""The service with a pool, prepared statements, pipelines and the query cache, each of which can be left out."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psycopg
from classification import candidates, dashboard, history, review, search

from headline import staleness, workload
from headline.before import MONDAY
from headline.meter import EachTime, Meter, Metered
from headline.reclassify_one import reclassify_one
from headline.steps import Steps
from headline.workload import Kind, Request
from pytest_perfbudget.cache import AccessLog, QueryCache
from pytest_perfbudget.cache.queries.calls import Call, call
from pytest_perfbudget.pool import AdaptivePool, pipelined

SMALLEST, LARGEST = 3, 5
"""Connections of a process: three are there when the clients begin, lest twenty wait for one until the pool has grown;
each more takes about 5 MB of the server's memory, and with five hardly anybody waits."""

Asked = tuple[str, Any]
"""A statement and its parameters."""

Rows = list[tuple[Any, ...]]


class After:
    """Answers the same requests with the same statements, and the same objects as results."""

    def __init__(self, dsn: str, redis: str, words: Sequence[str], meter: Meter, steps: Steps) -> None:
        self._words, self._meter, self._steps = words, meter, steps
        options: dict[str, Any] = {"prepare_threshold": 1 if steps.plans else None}
        pool = AdaptivePool(dsn, min_size=SMALLEST, max_size=LARGEST, kwargs=options, sites=False)
        self._adaptive = pool if steps.pool else None
        if self._adaptive:
            self._adaptive.open(wait=True)
        own = self._adaptive or EachTime(lambda: psycopg.connect(dsn, **options))
        self._pool = Metered(own, meter)
        self._cache = QueryCache(redis, self._pool) if steps.cache else None
        self.checks = staleness.Checks(dsn) if self._cache else None

    def answer(self, request: Request) -> None:
        """Reads by the cache, where there is one."""
        calls = self._first(request)
        match request.kind:
            case Kind.LATEST:
                self._made(history.Classification, *calls[0])
            case Kind.REGISTRATION | Kind.WORDS:
                self._made(search.Hit, *calls[0])
            case Kind.CLASSIFY:
                ids = [number for (number,) in self._read(*calls[0])]
                if ids:
                    self._made(candidates.Candidate, candidates.INDUSTRIES, {"keyword_ids": ids, "limit": 5})
            case Kind.REVIEW:
                self._made(review.Review, *calls[0])
            case Kind.DASHBOARD:
                self._dashboard(calls)
            case Kind.RECLASSIFY:
                self._reclassify(request.what, request.moves)

    def _first(self, request: Request) -> list[Asked]:
        """The statements that need no other one's result."""
        match request.kind:
            case Kind.LATEST:
                return [(history.LATEST, (request.what,))]
            case Kind.REGISTRATION:
                return [(search.BY_REGISTRATION, (workload.registration(request.what),))]
            case Kind.WORDS:
                return [(search.BY_WORDS, {"text": self._words[request.what], "limit": 20})]
            case Kind.CLASSIFY:
                return [(candidates.KEYWORDS, [workload.keywords(request.what, self._words)])]
            case Kind.REVIEW:
                return [(review.QUEUE, review.parameters(None, 50))]
            case Kind.DASHBOARD:
                code = workload.sector(request.what)
                days = (MONDAY, MONDAY + timedelta(days=7))
                return [(dashboard.DIVISIONS, (code,)), (dashboard.LEADERS, (code, 10)), (dashboard.DAYS, days)]
        return []

    def counts(self) -> dict[str, int]:
        """The cache's own, and those of the checks."""
        if not self._cache or not self.checks:
            return {}
        cached = {name: n for name, n in self._cache.report().items() if isinstance(n, int)}
        return cached | self.checks.counts()

    def warm(self, requests: Iterable[Request], budget: float) -> None:
        """Executes beforehand what these requests of another day lead one to expect, for so many seconds."""
        if not self._cache:
            return
        log, now = AccessLog(most=1_000_000), time.time()
        known: dict[Request, list[Call]] = {}
        for request in requests:
            if request not in known:
                known[request] = [asked for one in self._first(request) if isinstance(asked := call(*one), Call)]
            for asked in known[request]:
                log.note(asked, now, None)
        self._cache.warm(log, budget)

    def close(self) -> None:
        """Closes what was opened."""
        if self._cache:
            self._cache.close()
        if self._adaptive:
            self._adaptive.close()

    def _dashboard(self, calls: Sequence[Asked]) -> None:
        divisions, leaders, days = self._all(calls)
        dashboard.Dashboard(
            [dashboard.Division(*row) for row in divisions],
            [dashboard.Leader(*row) for row in leaders],
            [dashboard.Day(*row) for row in days],
        )

    def _reclassify(self, business: int, moves: bool) -> None:
        with self._writing() as connection:
            together = pipelined(connection) if self._steps.pipelines else None
            reclassify_one(connection, business, moves, together)

    @contextmanager
    def _writing(self) -> Iterator[Any]:
        """Committed at the end."""
        if self._cache:
            with self._cache.connection() as writer:
                yield writer
        else:
            with self._pool.connection() as connection, connection.transaction():
                yield connection

    def _made(self, kind: Any, statement: str, parameters: Any) -> list[Any]:
        return [kind(*row) for row in self._read(statement, parameters)]

    def _read(self, statement: str, parameters: Any) -> Rows:
        if not self._cache:
            with self._pool.connection() as connection:
                return connection.execute(statement, parameters).fetchall()
        rows = self._cache.fetch(statement, parameters)
        if self.checks:
            self.checks.perhaps(self._cache, self._meter, statement, parameters)
        return rows

    def _all(self, calls: Sequence[Asked]) -> list[Rows]:
        """Several reads; without the cache in one turn on the network."""
        if self._cache or not self._steps.pipelines:
            return [self._read(*call) for call in calls]
        with self._pool.connection() as connection, pipelined(connection) as sent:
            cursors = [sent.execute(*call) for call in calls]
            return [cursor.fetchall() for cursor in cursors]
