"""The service as one writes it first: a connection for each request, everything asked of PostgreSQL each time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import psycopg
from classification.candidates import classify_by_keywords
from classification.dashboard import industry_dashboard
from classification.history import latest_classification
from classification.review import review_queue
from classification.search import search

from headline import workload
from headline.meter import Connection, EachTime, Meter, Metered
from headline.reclassify_one import reclassify_one
from headline.workload import Kind, Request

MONDAY = datetime(2023, 3, 6, tzinfo=UTC)


class Before:
    """Answers requests with the functions of the example as they are."""

    def __init__(self, dsn: str, words: Sequence[str], meter: Meter) -> None:
        self._words = words
        self._pool = Metered(EachTime(lambda: psycopg.connect(dsn)), meter)

    def answer(self, request: Request) -> None:
        """In a transaction of its own, as psycopg begins one."""
        with self._pool.connection() as connection:
            self._asked(connection, request)
            connection.commit()

    def _asked(self, connection: Connection, request: Request) -> object:
        match request.kind:
            case Kind.LATEST:
                return latest_classification(connection, request.what)
            case Kind.REGISTRATION:
                return search(connection, workload.registration(request.what))
            case Kind.WORDS:
                return search(connection, self._words[request.what])
            case Kind.CLASSIFY:
                return classify_by_keywords(connection, workload.keywords(request.what, self._words))
            case Kind.REVIEW:
                return review_queue(connection)
            case Kind.DASHBOARD:
                return industry_dashboard(connection, workload.sector(request.what), MONDAY)
            case Kind.RECLASSIFY:
                return reclassify_one(connection, request.what, request.moves)

    def counts(self) -> dict[str, int]:
        """No cache: nothing is counted."""
        return {}

    def close(self) -> None:
        """Nothing is kept open."""
