"""What every kind of Redis server offers, whoever runs it."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

from pytest_perfbudget.processes.offer import Progress, Refusal, silent

if TYPE_CHECKING:
    from redis import Redis

DATABASES = 256
"""Of a server of our own: one for each worker of a run."""


@dataclass(frozen=True, slots=True)
class RedisRequest:
    """What a run asks for: ``server`` is ``auto``, a kind or a URL; ``image`` is the container's."""

    run: str
    worker: str = "main"
    server: str = "auto"
    image: str = "redis:7"
    progress: Progress = silent

    @property
    def number(self) -> int:
        """Of this worker's database on a server of our own."""
        return int("".join(filter(str.isdigit, self.worker)) or 0) % DATABASES


@dataclass(frozen=True, slots=True)
class RedisDatabase:
    """A database of one test: empty when it begins. ``version`` is what INFO calls ``redis_version``. The URL may carry
    a password, and is not shown."""

    url: str = field(repr=False)
    kind: str
    version: str

    @property
    def dsn(self) -> str:
        """The URL, by the word that every server and database has it under."""
        return self.url


class RedisServer(Protocol):
    """A Redis in use by this process."""

    kind: str

    def fresh(self) -> RedisDatabase:
        """This worker's database, emptied."""

    def close(self) -> None:
        """Leave the server; the last to leave one of ours stops it."""


class RedisKind(Protocol):
    """One way to get a server; a file each."""

    name: str

    def refusal(self, request: RedisRequest) -> Refusal | None:
        """Why it cannot serve this request, None if nothing speaks against it; starts nothing."""

    def start(self, request: RedisRequest) -> RedisServer:
        """The server of this run, which any of its processes may have started. Raises ServerError."""


def is_url(text: str) -> bool:
    """Whether the setting names a server rather than a kind."""
    return text.startswith(("redis://", "rediss://", "unix://"))


def no_client() -> Refusal | None:
    """Without a client nothing can be asked of any server."""
    if find_spec("redis") is None:
        return Refusal("the client redis is not installed", "pip install 'pytest-perfbudget[cache]'")
    return None


def version_of(client: Redis) -> str:
    """What the server says it is."""
    info: dict[str, object] = client.info("server")
    return str(info.get("redis_version", ""))
