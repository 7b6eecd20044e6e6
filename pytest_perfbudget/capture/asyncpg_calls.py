"""From asyncpg's protocol to a call: what was sent, on which connection, with what result."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Iterator
from time import perf_counter
from typing import Any, TypeVar

from pytest_perfbudget.capture.asyncpg_params import Kinds, as_text
from pytest_perfbudget.capture.asyncpg_tap import TAP, AsyncpgTap, tap_of
from pytest_perfbudget.capture.hub import Hub
from pytest_perfbudget.capture.record import Call
from pytest_perfbudget.pool.prepared import explain

T = TypeVar("T")


def begin(hub: Hub | None, protocol: Any) -> Call | None:
    """A call on a watched database; None where nothing is to be recorded."""
    if hub is None or (tap := tap_of(protocol, hub)) is None or (call := hub.begin()) is None:
        return None
    tap.enter(call.recording)
    call.standby, call.prepares = tap.standby, tap.prepares
    return call


class Sets:
    """The argument sets of an executemany, counted as the driver takes them."""

    def __init__(self, sets: Iterable[Any]) -> None:
        self.n = 0
        self.last: Any = ()
        self._sets = sets

    def __iter__(self) -> Iterator[Any]:
        for one in self._sets:
            self.n, self.last = self.n + 1, one
            yield one


def prepared(call: Call, tap: AsyncpgTap, state: Any) -> None:
    """The statement was prepared for this call: a round trip of its own, and part of its time."""
    seconds = tap.prepared.pop(state.name, None)
    if seconds is not None:
        call.round_trips += 1
        call.duration += seconds


def describe(call: Call, tap: AsyncpgTap, state: Any, values: Any) -> None:
    """The text the server got, and the values of its placeholders. Without the values (only asyncpg can write their
    type) the statement is planned by its own execution alone, never again."""
    if tap.prepared:
        prepared(call, tap, state)
    call.query = state.query.encode()
    kinds = tap.kinds.get(state)
    if kinds is None:
        kinds = tap.kinds[state] = Kinds.of(state._get_parameters())
    try:
        call.params = as_text(values, kinds)
    except Exception:
        return
    call.types, call.formats = kinds.types, kinds.formats


async def sent(call: Call, protocol: Any, answer: Awaitable[T], *, left: bool = False) -> T:
    """Await the driver's answer to ``call``. ``left`` says that the statement has left whatever happens; else the
    protocol's count of queries does."""
    __tracebackhide__ = True
    tap, count = protocol.__dict__[TAP], protocol.queries_count
    before, tap.stepping = tap.stepping, call
    try:
        return await answer
    except BaseException as error:
        failed(call, error, left=left or protocol.queries_count > count)
        raise
    finally:
        tap.stepping = before
        call.duration += perf_counter() - call.started


def failed(call: Call, error: BaseException, *, left: bool) -> None:
    """What never left (a value of a wrong type, a closed connection) was no statement."""
    explain(error)
    call.error = getattr(error, "sqlstate", None) or type(error).__name__
    call.sent = left


def returned(call: Call, protocol: Any, portal: str = "") -> None:
    """The answer is there; a ``portal`` with a name is a cursor's, whose plan comes when it is closed, and which leaves
    the portal without a name open."""
    tap = protocol.__dict__[TAP]
    if portal:
        tap.cursors[portal] = call
        tap.declared(call)
    else:
        tap.returned(call, protocol.is_in_transaction())


def cursor_of(protocol: Any, portal: str) -> Call | None:
    """The call that opened the cursor, if it was recorded."""
    tap = protocol.__dict__.get(TAP)
    return tap.cursors.get(portal) if tap is not None else None


def turned(call: Call, started: float) -> None:
    """One more round trip of a cursor."""
    call.round_trips += 1
    call.duration += perf_counter() - started


def selected(status: str | None) -> int:
    """Rows that came with the answer to a simple query: asyncpg throws them away, the server sent them."""
    command, _, number = (status or "").rpartition(" ")
    return int(number) if command in ("SELECT", "FETCH") else 0


def copied(status: str | bytes) -> int:
    """The rows of a COPY, by its status: ``COPY 5``."""
    text = status.decode() if isinstance(status, bytes) else status
    return int(text.rpartition(" ")[2])
