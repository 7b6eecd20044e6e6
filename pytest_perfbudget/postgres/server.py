"""Where a PostgreSQL comes from: what every kind of server offers, whoever runs it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pytest_perfbudget.postgres.profile import DETERMINISTIC, Profile

if TYPE_CHECKING:
    import psycopg

Advance = Callable[[float], None]
"""Called with the share that is done, 0 to 1."""

Progress = Callable[[str], AbstractContextManager[Advance]]
"""Called with what is being done, for anything that can take more than 2 s; ``advance`` may be called or not."""

LOCALE = "C.UTF-8"


def silent(_: str) -> AbstractContextManager[Advance]:
    """The progress nobody looks at."""
    return contextlib.nullcontext(lambda share: None)


@dataclass(frozen=True, slots=True)
class Request:
    """What a run asks for. ``run`` is the same for all workers of a run, ``worker`` tells them apart (``main``,
    ``gw0``); ``server`` is ``auto``, a kind or a DSN; ``major`` None takes any; ``cache`` None takes the default;
    ``slot`` is the number of a cluster kept in it, None for the first that nobody uses."""

    run: str
    worker: str = "main"
    server: str = "auto"
    major: int | None = None
    profile: Profile = DETERMINISTIC
    locale: str = LOCALE
    cache: str | None = None
    progress: Progress = silent
    slot: int | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a kind of server cannot serve this request, and what would let it."""

    reason: str
    remedy: str = ""


class Server(Protocol):
    """A PostgreSQL in use by this run.

    ``throwaway`` servers are ours whole: the profile was given at their start. ``admin`` is the connection that
    lives as long as the server is in use; ``notes`` are what differs from the profile.
    """

    kind: str
    version: str
    major: int
    run: str
    locale: str
    profile: Profile
    throwaway: bool
    notes: tuple[str, ...]

    @property
    def admin(self) -> psycopg.Connection: ...

    def dsn(self, database: str) -> str:
        """URL of a database, percent-encoded; it may carry a password."""

    def connect(self, database: str | None = None) -> psycopg.Connection:
        """An autocommit connection that is not captured; None is the maintenance database."""

    def close(self) -> None:
        """Leave the server; the last to leave one of ours stops it."""


class ServerKind(Protocol):
    """One way to get a server; a file each, registered through ``pytest_perfbudget_servers``."""

    name: str

    def offer(self, request: Request) -> Server | Refusal:
        """A server, or why not. Raises ServerError where the kind would do but fails."""
