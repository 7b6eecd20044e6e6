"""A Redis of our own, shared by all processes of the run, and its programs started on the run's socket."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pytest_perfbudget.cache.server import DATABASES, RedisDatabase, RedisRequest, no_client, version_of
from pytest_perfbudget.errors import ServerError
from pytest_perfbudget.processes.offer import Refusal

if TYPE_CHECKING:
    from redis import Redis

    from pytest_perfbudget.processes.run_folder import RunFolder
    from pytest_perfbudget.processes.runner import Launch, Share
    from pytest_perfbudget.processes.unprivileged import ServerUser

_PATIENCE = 2.0  # seconds a server may take to accept a connection
_SOCKET = "redis.sock"
IN_MEMORY = ("--save", "", "--appendonly", "no", "--databases", str(DATABASES), "--daemonize", "no")
"""The arguments of every server of ours: nothing is written to disk."""


@dataclass
class OwnRedis:
    """In use until :meth:`close`."""

    kind: str
    url: str
    share: Share[Redis] = field(repr=False)

    def fresh(self) -> RedisDatabase:
        """Raises ServerError: the server is gone."""
        if self.share.severed():
            raise ServerError(f"the {self.kind} Redis of this run is gone", remedy="the next run starts another one")
        self.share.client.flushdb()
        return RedisDatabase(self.url, self.kind, version_of(self.share.client))

    def close(self) -> None:
        self.share.client.close()
        self.share.leave()


def cannot() -> Refusal | None:
    """What all servers of ours need."""
    if sys.platform == "win32":
        return Refusal("servers are started on Linux and macOS, not on Windows", "name one: redis = redis://host")
    return no_client()


def start(kind: str, program: Path, request: RedisRequest) -> OwnRedis:
    """The server of this run: the one that is there, else a new one.

    Raises:
        ServerError: it cannot be started.
    """
    from pytest_perfbudget.processes.runner import Runner
    from pytest_perfbudget.processes.unprivileged import ourselves

    share = Runner(ProgramSource(kind, program, request, ourselves())).attach_or_start()
    return OwnRedis(kind, _url(share.folder, request.number), share)


@dataclass(frozen=True, slots=True)
class ProgramSource:
    """Starts ``redis-server`` or ``valkey-server``, which do not mind being root."""

    kind: str
    program: Path
    request: RedisRequest
    user: ServerUser

    @property
    def name(self) -> str:
        return f"the {self.kind} Redis"

    def folder(self) -> RunFolder:
        from pytest_perfbudget.processes import run_folder

        return run_folder.plan(self.request.run, self.user, _SOCKET, "-r")

    @contextlib.contextmanager
    def launching(self, folder: RunFolder) -> Iterator[Launch]:
        from pytest_perfbudget.processes.runner import Launch

        socket = ["--port", "0", "--unixsocket", str(folder.path / _SOCKET), "--unixsocketperm", "700"]
        listen = ["--port", str(folder.port), "--bind", "127.0.0.1"] if folder.port else socket
        yield Launch([str(self.program), *listen, "--dir", str(folder.path), *IN_MEMORY])

    def reach(self, folder: RunFolder) -> Redis | None:
        """Not somebody else's server, where ours found the port taken."""
        return reach(_url(folder, self.request.number), folder.path)

    def remedy(self, log: str) -> str:
        return "\n".join(log.strip().splitlines()[-12:]) or f"{self.program} printed nothing"


def reach(url: str, folder: Path | None = None) -> Redis | None:
    """A client of the server, None as long as it does not answer, or where it does not work in ``folder``."""
    from redis import Redis
    from redis.exceptions import RedisError

    client = Redis.from_url(url, socket_connect_timeout=_PATIENCE)
    with contextlib.suppress(RedisError, OSError):
        client.ping()
        found: dict[Any, Any] = client.config_get("dir") if folder else {}
        if not folder or [Path(os.fsdecode(value)) for value in found.values()] == [folder.resolve()]:
            return client
    client.close()
    return None


def _url(folder: RunFolder, number: int) -> str:
    if folder.port:
        return f"redis://127.0.0.1:{folder.port}/{number}"
    return f"unix://{quote(str(folder.path / _SOCKET))}?db={number}"
