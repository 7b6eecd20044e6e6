"""From the entries of a server's log to calls: what each session sent, with its plans.

A line ``duration: … ms  statement: …`` is one statement of the simple protocol, ``execute …`` one of the extended; its
``parse`` and ``bind`` before it belong to its duration. A plan of the simple protocol stands before its statement. One
of the extended stands after it, as the portal is closed later, unless the statement ran to its end at once. Nested
statements end before the one that called them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from time import perf_counter

from pytest_perfbudget.capture import auto_explain
from pytest_perfbudget.capture.record import Call, Recording
from pytest_perfbudget.model import Site
from pytest_perfbudget.postgres.log_formats import Entry
from pytest_perfbudget.statements.tokens import tokens

_TIMED = re.compile(
    r"duration: (?P<ms>[\d.]+) ms  "
    r"(?:statement|(?P<step>parse|bind|execute fetch from|execute) (?P<name>\S+)): (?P<sql>.*)",
    re.DOTALL,
)
_PARAMETER = re.compile(r"\$\d+ = (?:NULL|'((?:[^']|'')*)')")
_UNNAMED = "<unnamed>"
_OF_TRANSACTIONS = frozenset(
    ("begin", "start", "commit", "end", "rollback", "abort", "savepoint", "release", "deallocate", "")
)
"""What drivers send by themselves, and what an in-process driver does not report either."""
_PLANNED = frozenset(("select", "with", "values", "table", "insert", "update", "delete", "merge"))
"""Statements that have a plan, sooner or later."""


class LoggedCalls:
    """The calls of all sessions but those a driver of this process reports. What stands later in the log adds to calls
    that were given before: a plan, another turn of a cursor."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self._found: list[Call] = []
        self._sessions: dict[str, _Session] = {}

    def take(self, entries: Iterable[Entry]) -> list[Call]:
        """The calls of these entries, in the order they ended."""
        given = len(self._found)
        for entry in entries:
            if entry.pid not in self.recording.backends:
                session = self._sessions.setdefault(entry.session, _Session(self.recording, self._found))
                session.take(entry)
        return self._found[given:]


@dataclass
class _Session:
    """One connection. ``held`` are plans that no call has been found for yet, ``waiting`` calls whose plan may come."""

    recording: Recording
    found: list[Call]
    held: list[bytes] = field(default_factory=list)
    waiting: list[Call] = field(default_factory=list)
    cursors: dict[str, Call] = field(default_factory=dict)
    spent: float = 0.0

    def take(self, entry: Entry) -> None:
        """Each entry of the session, in order."""
        if (body := auto_explain.document(entry.message.encode())) is not None:
            self._plan(body)
        elif timed := _TIMED.match(entry.message):
            self._timed(timed["step"] or "", float(timed["ms"]) / 1000, timed["sql"], entry, timed["name"])
        elif entry.severity in ("ERROR", "FATAL") and entry.statement:
            self._failed(entry)

    def _plan(self, body: bytes) -> None:
        text = auto_explain.query_text(body)
        self.held.append(body)
        owner = next((call for call in self.waiting if call.query == text), None)
        if owner is not None:
            self.waiting.remove(owner)
            self._give(owner, len(self.held))

    def _timed(self, step: str, seconds: float, sql: str, entry: Entry, name: str | None) -> None:
        if step in ("parse", "bind"):
            self.spent += seconds
            return
        seconds, self.spent = seconds + self.spent, 0.0
        if step == "execute fetch from":
            self._more(next((one for one in reversed(self.found) if one.query == sql.encode()), None), seconds)
        elif (verb := _verb(sql)) in ("fetch", "move", "close"):
            cursor = self.cursors.get(_cursor(sql))
            self._more(cursor if verb != "close" else None, seconds)
        elif verb not in _OF_TRANSACTIONS:
            call = self._call(sql, seconds, entry)
            call.prepares = 0 if name and name != _UNNAMED else None
            self._sent(step, verb, call)

    def _sent(self, step: str, verb: str, call: Call) -> None:
        own = [place for place, body in enumerate(self.held, 1) if auto_explain.query_text(body) == call.query]
        if verb == "declare":
            call.fetched = "cursor"
            self.cursors[_cursor(call.query.decode())] = call
            self.waiting.append(call)
        elif step and not own:
            if verb in _PLANNED:
                self.waiting.append(call)
        else:
            self._give(call, max(own, default=0) if step else len(self.held))

    def _failed(self, entry: Entry) -> None:
        self.spent = 0.0
        if _verb(entry.statement) not in _OF_TRANSACTIONS:
            call = self._call(entry.statement, 0.0, entry)
            call.error, call.rows = entry.state, 0
            self._give(call, len(self.held))

    def _call(self, sql: str, seconds: float, entry: Entry) -> Call:
        params = [None if value is None else value.replace("''", "'").encode() for value in _parameters(entry.detail)]
        call = Call(self.recording, _site(entry.application), None, perf_counter(), query=sql.encode())
        call.params, call.formats = params, [0] * len(params)
        call.rows, call.duration = None, seconds
        self.found.append(call)
        return call

    def _give(self, call: Call, number: int) -> None:
        for body in self.held[:number]:
            call.add(body)
        self.held = self.held[number:]

    def _more(self, call: Call | None, seconds: float) -> None:
        """Another turn of a call whose rows are fetched in parts."""
        if call is not None:
            call.round_trips += 1
            call.duration += seconds
            call.fetched = "cursor"


@lru_cache(maxsize=256)
def _site(application: str) -> Site:
    """One object for each application."""
    return Site(f"application {application}" if application else "another process", 0)


def _parameters(detail: str) -> list[str | None]:
    """``Parameters: $1 = '42', $2 = NULL``, with a small p before 16."""
    if not detail.lower().startswith("parameters: "):
        return []
    return [match[1] for match in _PARAMETER.finditer(detail)]


def _verb(sql: str) -> str:
    return next((token.text.lower() for token in tokens(sql) if token.text not in "(;"), "")


def _cursor(sql: str) -> str:
    """The name of the cursor that DECLARE makes or FETCH reads."""
    words = [token.text for token in tokens(sql) if token.text != ";"]
    return words[1] if words[0].lower() == "declare" else words[-1]
