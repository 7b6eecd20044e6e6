"""Where a PostgreSQL comes from: what every kind of server offers, whoever runs it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from pytest_perfbudget.postgres.profile import DETERMINISTIC, Profile
from pytest_perfbudget.processes.offer import Advance, Progress, Refusal, silent

if TYPE_CHECKING:
    import psycopg

__all__ = [
    "LOCALE", "Advance", "Container", "Progress", "Refusal", "Request", "Server", "ServerKind", "silent", "windows",
]  # fmt: skip

LOCALE = "C.UTF-8"


@dataclass(frozen=True, slots=True)
class Container:
    """What containers are made with. ``{major}`` in ``image`` is the pinned major; ``shm`` is the size of /dev/shm;
    ``tmpfs`` keeps the data in memory; ``reuse`` leaves the container running for later runs; ``tls`` encrypts its
    connections, with a certificate of its own."""

    image: str = "postgres:{major}"
    shm: str = "256m"
    tmpfs: bool = True
    reuse: bool = False
    tls: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """What a run asks for. ``run`` is the same for all workers of a run, ``worker`` tells them apart (``main``,
    ``gw0``); ``server`` is ``auto``, a kind or a DSN; ``major`` None takes any; ``cache`` None takes the default.
    ``local`` are folders of programs, ``container`` is what a container is made with; ``slot`` is the number of a
    cluster kept in the cache, None for the first that nobody uses; ``logs`` asks for a log that statements can be read
    from."""

    run: str
    worker: str = "main"
    server: str = "auto"
    major: int | None = None
    profile: Profile = DETERMINISTIC
    locale: str = LOCALE
    cache: str | None = None
    progress: Progress = silent
    local: tuple[str, ...] = ()
    container: Container = field(default_factory=Container)
    slot: int | None = None
    logs: bool = False


class Server(Protocol):
    """A PostgreSQL in use by this run.

    ``throwaway`` servers are ours whole: the profile was given at their start. ``admin`` is the connection that
    lives as long as the server is in use; ``notes`` are what differs from the profile; ``logs`` says that clones have
    their statements logged.
    """

    kind: str
    version: str
    major: int
    run: str
    locale: str
    profile: Profile
    throwaway: bool
    notes: tuple[str, ...]
    logs: bool

    @property
    def tls(self) -> str:
        """The version of TLS that our connections to it are encrypted with (``TLSv1.3``), empty for none."""

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

    def refusal(self, request: Request) -> Refusal | None:
        """Why it cannot serve this request, None if nothing speaks against it. Asked by every run for its header:
        takes milliseconds, starts nothing."""

    def start(self, request: Request) -> Server:
        """The server of this run, which any of its processes may have started. Raises ServerError."""


def windows(kind: str) -> Refusal:
    """Of the kinds that start processes."""
    return Refusal(
        f"the {kind} server runs on Linux and macOS, not on Windows",
        "name a server: --perf-server=postgresql://user@host/database",
    )
