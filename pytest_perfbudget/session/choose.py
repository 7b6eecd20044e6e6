"""Which kind of server a run gets, and why the others were passed over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from pytest_perfbudget.errors import ServerError
from pytest_perfbudget.processes.offer import Refusal

BY_NAME_ONLY = "dsn"
"""The kind that ``auto`` never takes: a server that nobody named."""


class Kind(Protocol):
    """What PostgreSQL's and Redis's kinds have in common."""

    @property
    def name(self) -> str: ...

    def refusal(self, request: Any) -> Refusal | None: ...

    def start(self, request: Any) -> Any: ...


K = TypeVar("K", bound=Kind)


@dataclass(frozen=True, slots=True)
class Wanted:
    """``what`` is asked for (``PostgreSQL 18``), ``named`` by ``setting`` (``--perf-server``): ``auto``, a kind or, as
    ``is_dsn`` says, a server of its own."""

    what: str
    setting: str
    named: str
    is_dsn: bool


@dataclass(frozen=True, slots=True)
class Choice(Generic[K]):
    """The kind that serves, or None, and (kind, reason) of those asked before it."""

    kind: K | None
    refused: tuple[tuple[str, Refusal], ...]


def choose(kinds: Sequence[K], wanted: Wanted, request: object) -> Choice[K]:
    """The kind that was named; for ``auto`` the first that does not refuse. Nothing is started.

    Raises:
        ServerError: no kind of that name.
    """
    refused: list[tuple[str, Refusal]] = []
    for kind in _candidates(kinds, wanted):
        refusal = kind.refusal(request)
        if refusal is None:
            return Choice(kind, tuple(refused))
        refused.append((kind.name, refusal))
    return Choice(None, tuple(refused))


def taken(choice: Choice[K], wanted: Wanted) -> K:
    """The kind that was chosen.

    Raises:
        ServerError: every one refused; each reason is listed.
    """
    if choice.kind is None:
        reasons = "\n".join(f"{name}: {refusal}" for name, refusal in choice.refused)
        what = f"no {wanted.what} to be had" if wanted.named == "auto" else f"no {wanted.what} from {wanted.named}"
        raise ServerError(what, remedy=reasons)
    return choice.kind


def described(choice: Choice[K], wanted: Wanted) -> str:
    """One line for the header: the kind, and why those before it were passed over. A DSN is not shown."""
    over = "; ".join(f"{name}: {refusal.reason}" for name, refusal in choice.refused)
    if choice.kind is None:
        return f"no {wanted.what} ({over})"
    source = {BY_NAME_ONLY: "a server named by its DSN"}.get(choice.kind.name, choice.kind.name)
    return f"{wanted.what} from {source}" + (f" (not {over})" if over else "")


def _candidates(kinds: Sequence[K], wanted: Wanted) -> Sequence[K]:
    if wanted.named == "auto":
        return [kind for kind in kinds if kind.name != BY_NAME_ONLY]
    name = BY_NAME_ONLY if wanted.is_dsn else wanted.named
    chosen = [kind for kind in kinds if kind.name == name]
    if not chosen or (name == BY_NAME_ONLY and not wanted.is_dsn):
        known = ", ".join(["auto", *(kind.name for kind in kinds if kind.name != BY_NAME_ONLY)])
        raise ServerError(f"{wanted.setting}={wanted.named}: no such kind of server", remedy=f"give {known} or a DSN")
    return chosen
