"""A statement from the moment it is sent until the test has ended: kept small, decoded when somebody asks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from weakref import ReferenceType

from pytest_perfbudget.capture import auto_explain
from pytest_perfbudget.capture.documents import Document, Documents, Packed, plan
from pytest_perfbudget.model import Origin, Site, Statement

UNFINISHED = "unfinished"
"""The error of a statement whose driver has not returned yet."""


class Source(Protocol):
    """A connection that may have plans to deliver."""

    def drain(self) -> None:
        """Deliver those of what was not recorded, if that can be done without disturbing anybody."""

    def flush(self) -> None:
        """Deliver them, if that can be done without disturbing anybody, and forget the recording: it has ended."""


class Sent(Protocol):
    """What a driver makes of the application's arguments: the statement as libpq gets it."""

    query: bytes
    params: Sequence[Any] | None
    types: tuple[int, ...]
    formats: Sequence[int] | None


class Witness(Protocol):
    """Sees statements that pass no driver of this process. ``name`` is for who asks what was watched."""

    @property
    def name(self) -> str: ...

    def start(self) -> None:
        """A recording begins. Does not raise."""

    def collect(self, recording: Recording) -> list[Call]:
        """What was seen since, except on ``recording.backends``. Does not raise."""

    def check(self) -> None:
        """Raises PerfbudgetError: it could not see everything of the last recording."""


@dataclass(slots=True, eq=False)
class Recording:
    """What passed between start and stop: the calls in the order they began. Equal values are kept once.

    ``backends`` are the process ids of the server's sessions whose statements drivers of this process report.
    ``measures`` says whether the bytes of results are counted, which takes the longer the more there are.
    """

    calls: list[Call] = field(default_factory=list)
    documents: Documents = field(default_factory=Documents)
    sources: list[ReferenceType[Source]] = field(default_factory=list)
    backends: set[int] = field(default_factory=set)
    measures: bool = False
    same: dict[tuple[int, ...], tuple[int, ...]] = field(default_factory=dict)

    def flush(self) -> None:
        """Ask every connection for the plans it still has."""
        for source in [one() for one in self.sources]:
            if source is not None:
                source.flush()

    def statements(self) -> tuple[Statement, ...]:
        """Everything that was sent to the server so far."""
        return tuple(statements(list(self.calls)))

    def end(self) -> tuple[Statement, ...]:
        """The same when nothing more is to come; each call is let go as soon as its statement is made."""
        calls, self.calls = self.calls, []
        calls.reverse()
        return tuple(statements(calls.pop() for _ in range(len(calls))))


def statements(calls: Iterable[Call]) -> Iterator[Statement]:
    """The shared word for each call that was sent; one string for each SQL text."""
    texts: dict[bytes, str] = {}
    return (call.statement(texts) for call in calls if call.left())


@dataclass(slots=True, eq=False)
class Call:
    """One execution in the driver's own terms. ``rows`` is None where only the plan knows how many were produced.

    ``converted`` is there from the moment the driver has made the statement until its method has returned.
    ``owed`` counts the plans that arrive after the driver's method has returned (pipelines, server-side cursors).
    ``cursor`` is the driver's, where its result comes later as well.
    """

    recording: Recording
    site: Site | None
    case: str | None
    started: float
    origin: Origin | None = None
    query: bytes = b""
    params: Sequence[Any] | None = None
    types: Sequence[int] = ()
    formats: Sequence[int] | None = None
    calls: int = 1
    rows: int | None = 0
    round_trips: int = 1
    duration: float = 0.0
    error: str | None = None
    sent: bool = True
    owed: int = 0
    standby: bool = False
    prepares: int | None = None
    cursor: ReferenceType[Any] | None = None
    iterated: int = 0
    fetched: str = "whole"
    size: int | None = None
    documents: Sequence[Document] = ()
    converted: Sent | None = None

    def add(self, document: bytes) -> None:
        """A plan of this execution."""
        query = self.query or (self.converted.query if self.converted else b"")
        kept = self.recording.documents.keep(query, document)
        if isinstance(self.documents, list):
            self.documents.append(kept)
        else:  # one is the rule, and a tuple is half of a list
            self.documents = [*self.documents, kept] if self.documents else (kept,)

    def measure(self, result: Any) -> None:
        """Add the values of a libpq result (or None), where that was asked for."""
        if self.recording.measures and result is not None:
            rows, columns = range(result.ntuples), range(result.nfields)
            values = (result.get_value(row, column) for row in rows for column in columns)
            self.size = (self.size or 0) + sum(len(value) for value in values if value is not None)

    def made(self, document: Document) -> bool:
        """Whether the document is the statement's own plan, not that of one nested in it."""
        body = document if isinstance(document, bytes) else document.body
        return auto_explain.belongs(body, self.query)

    def take(self) -> None:
        """Keep what the driver has made of the statement."""
        if (converted := self.converted) is not None:
            same = self.recording.same
            self.query, self.params = bytes(converted.query), converted.params
            self.types = same.setdefault(converted.types, converted.types)
            if formats := converted.formats:
                self.formats = same.setdefault(tuple(formats), tuple(formats))

    def left(self) -> bool:
        """Whether it went to the server, where it may still be. Empty ones, by which pools see whether it is there, are
        none."""
        self.take()
        return self.sent and bool(self.query.strip(b"; \n"))

    def statement(self, texts: dict[bytes, str]) -> Statement:
        """The shared word for it; ``texts`` keeps one string for each SQL text."""
        sql = texts.get(self.query) or texts.setdefault(self.query, self.query.decode("utf-8", "replace"))
        # A client-side cursor merged its parameters into the text: it has values, and no formats.
        sent = self.params if self.formats else ()
        return Captured(
            sql=sql,
            params=tuple([None if value is None else bytes(value) for value in sent]) if sent else (),
            types=tuple(self.types) if sent else (),
            formats=tuple(self.formats) if self.formats else (),
            site=self.site,
            case=self.case,
            calls=self.calls,
            rows=self.rows if self.rows is not None else self._produced(),
            round_trips=self.round_trips,
            duration=self.duration,
            error=self.error or (UNFINISHED if self.converted else None),
            plans=self.documents,  # type: ignore[arg-type]
            why_no_plan=None if self.documents else self._why(),
            standby=self.standby,
            origin=self.origin,
            size=self.size,
            fetched=self.fetched,
            prepares=self.prepares,
        )

    def _produced(self) -> int:
        """The rows the top plan gave; 0 where no plan came."""
        own = [document for document in self.documents if self.made(document)]
        return sum(int(plan(document)["Plan"].get("Actual Rows", 0)) for document in own)

    def _why(self) -> str | None:
        if self.converted:
            return "the statement had not ended when the test had"
        return f"the statement failed ({self.error})" if self.error else None


class Captured(Statement):
    """A statement whose plans stay bytes until they are read.

    ``plans`` is a new list at each reading: assign a list to change it.
    """

    __slots__ = ("_documents",)
    _documents: tuple[Document | dict[str, Any], ...]

    @property
    def plans(self) -> list[dict[str, Any]]:
        return [plan(one) if isinstance(one, bytes | Packed) else one for one in self._documents]

    @plans.setter
    def plans(self, documents: Sequence[Document | dict[str, Any]]) -> None:
        self._documents = documents if isinstance(documents, tuple) else tuple(documents)

    @property
    def planned(self) -> bool:
        return bool(self._documents)
