"""A statement from the moment it is sent until the test has ended: kept small, decoded when somebody asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from weakref import ReferenceType

from pytest_perfbudget.capture import auto_explain
from pytest_perfbudget.model import Origin, Site, Statement


class Source(Protocol):
    """A connection that may have plans to deliver."""

    def flush(self) -> None:
        """Deliver them, if that can be done without disturbing anybody."""


class Witness(Protocol):
    """Sees statements that pass no driver of this process. ``name`` is for who asks what was watched."""

    @property
    def name(self) -> str: ...

    def start(self) -> None:
        """A recording begins. Does not raise."""

    def collect(self, recording: Recording) -> None:
        """Add what was seen since, except on ``recording.backends``. Does not raise."""

    def check(self) -> None:
        """Raises PerfbudgetError: it could not see everything of the last recording."""


@dataclass(slots=True, eq=False)
class Recording:
    """What passed between start and stop: the calls in the order they began. Equal plan documents are kept once.
    ``backends`` are the process ids of the server's sessions whose statements drivers of this process report."""

    calls: list[Call] = field(default_factory=list)
    documents: dict[bytes, bytes] = field(default_factory=dict)
    sources: list[ReferenceType[Source]] = field(default_factory=list)
    backends: set[int] = field(default_factory=set)

    def flush(self) -> None:
        """Ask every connection for the plans it still has."""
        for source in [one() for one in self.sources]:
            if source is not None:
                source.flush()

    def statements(self) -> tuple[Statement, ...]:
        """Everything that was sent to the server. Empty ones, by which pools see whether it is there, are none."""
        texts: dict[bytes, str] = {}
        return tuple(call.statement(texts) for call in self.calls if call.sent and call.query.strip(b"; \n"))


@dataclass(slots=True, eq=False)
class Call:
    """One execution in the driver's own terms. ``rows`` is None where only the plan knows how many were produced.

    ``owed`` counts the plans that arrive after the driver's method has returned (pipelines, server-side cursors).
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
    iterated: int = 0
    documents: list[bytes] = field(default_factory=list)

    def add(self, document: bytes) -> None:
        """A plan of this execution."""
        self.documents.append(self.recording.documents.setdefault(document, document))

    def statement(self, texts: dict[bytes, str]) -> Statement:
        """The shared word for it; ``texts`` keeps one string for each SQL text."""
        sql = texts.get(self.query) or texts.setdefault(self.query, self.query.decode("utf-8", "replace"))
        # A client-side cursor merged its parameters into the text: it has values, and no formats.
        sent = self.params if self.formats else ()
        return Captured(
            sql=sql,
            params=tuple(None if value is None else bytes(value) for value in sent or ()),
            types=tuple(self.types) if sent else (),
            formats=tuple(map(int, self.formats or ())) if sent else (),
            site=self.site,
            case=self.case,
            calls=self.calls,
            rows=self.rows if self.rows is not None else self._produced(),
            round_trips=self.round_trips,
            duration=self.duration,
            error=self.error,
            plans=self.documents,  # type: ignore[arg-type]
            why_no_plan=None if self.documents else self._why(),
            standby=self.standby,
            origin=self.origin,
        )

    def _produced(self) -> int:
        """The rows the top plan gave; 0 where no plan came."""
        tops = [body for body in self.documents if auto_explain.query_text(body) == self.query]
        return sum(int(auto_explain.plan(body)["Plan"].get("Actual Rows", 0)) for body in tops)

    def _why(self) -> str | None:
        return f"the statement failed ({self.error})" if self.error else None


class Captured(Statement):
    """A statement whose plans stay bytes until they are read.

    ``plans`` is a new list at each reading: assign a list to change it.
    """

    __slots__ = ("_documents",)
    _documents: tuple[bytes | dict[str, Any], ...]

    @property
    def plans(self) -> list[dict[str, Any]]:
        return [auto_explain.plan(one) if isinstance(one, bytes) else one for one in self._documents]

    @plans.setter
    def plans(self, documents: Sequence[bytes | dict[str, Any]]) -> None:
        self._documents = tuple(documents)
