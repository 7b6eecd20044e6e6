"""In the process of the reference, or of another scale: its statements are watched as ours are, and handed over instead
of judged."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from pytest_perfbudget.baselines.record import query_record
from pytest_perfbudget.model import QueryEvidence, Statement
from pytest_perfbudget.session.against.invocation import installed
from pytest_perfbudget.session.against.parcel import Given, GivenQuery, GivenTest, Order, packed, unpacked
from pytest_perfbudget.session.growth.sized import sized
from pytest_perfbudget.session.place import Place
from pytest_perfbudget.verdict.gather import gather

_OURS = "pytest_perfbudget"


class Giver:
    """One per process. It takes the part of the :class:`~pytest_perfbudget.session.examine.Examiner`."""

    def __init__(self, place: Place, order: Order, captures: Mapping[str, str]) -> None:
        """``captures`` says what is captured of each test."""
        self._place, self._order, self._captures = place, order, captures
        self._tests: dict[str, GivenTest] = {}
        self._statements: tuple[Statement, ...] = ()
        self._capture = "call"

    def prepare(self, test: str) -> None:
        """A clean database, and the drivers watched, before the fixtures of the test connect.

        Raises:
            ServerError, SeedError: there is no database.
        """
        self._capture, self._statements = self._captures[test], ()
        self._place.fresh(test)
        self._place.horizon.hold()
        self._place.drivers.watch()
        self._place.facts  # noqa: B018  read before a test has touched the database
        if self._capture == "test":
            self._place.hub.start()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """The body of the test runs."""
        if self._capture == "call":
            self._place.hub.start()
        try:
            yield
        finally:
            self._statements = self._place.hub.stop()

    @contextmanager
    def of_nobody(self) -> Iterator[None]:
        """What a fixture of a wider scope sends counts for no test."""
        with self._place.hub.mute():
            yield

    def release(self) -> None:
        """The test has ended, perhaps before its body."""
        self._place.hub.stop()
        self._place.settle()

    def take(self, test: str, budget: str) -> None:
        """Keep the statements of the test that was watched."""
        place = self._place
        with place.hub.mute():
            place.hub.check()
            evidence = gather(test, budget, place.completed(self._statements), place.facts.environment)
            give = partial(sized, place) if self._order.scale else _given
            self._tests[test] = GivenTest(budget, tuple(give(query) for query in evidence.queries))

    def failed(self, test: str, budget: str, why: str) -> None:
        """It failed: what it sent until then says nothing."""
        self._tests[test] = GivenTest(budget, failed=why)

    def given(self) -> Given:
        """All of it."""
        strayed = tuple(_strayed(Path(self._order.top))) if self._order.top else ()
        if not any(test.queries for test in self._tests.values()):
            return Given(self._tests, strayed=strayed)
        facts = self._place.facts
        return Given(self._tests, self._place.template.hash, facts.environment, strayed, dict(facts.rows))


def _given(query: QueryEvidence) -> GivenQuery:
    return GivenQuery(query_record(query), replace(query.executions[-1], plans=[]), query.writes)


def _strayed(top: Path) -> Iterator[str]:
    """Modules that came from the working tree: an editable install that nothing stood before."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if not file or name.partition(".")[0] == _OURS:
            continue
        path = Path(file).resolve()
        if path.is_relative_to(top) and not installed(path):
            yield path.relative_to(top).as_posix()


def receive(descriptor: int) -> Order:
    """The order of the process that started us."""
    os.set_inheritable(descriptor, False)
    with socket.socket(fileno=os.dup(descriptor)) as wire:
        return unpacked(Order, b"".join(iter(lambda: wire.recv(1 << 16), b"")))


def answer(descriptor: int, given: Given) -> None:
    """Hand it over; once, at the end."""
    with socket.socket(fileno=descriptor) as wire:
        wire.sendall(packed(given))
        wire.shutdown(socket.SHUT_WR)
