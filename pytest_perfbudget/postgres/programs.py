"""The programs of one major, wherever they are from, run on a cluster kept in the cache."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pytest_perfbudget.errors import ServerError
from pytest_perfbudget.postgres import cluster, conninfo, log
from pytest_perfbudget.postgres.markers import database_name, drop_unfinished
from pytest_perfbudget.postgres.own import MAINTENANCE, OwnServer, own_server
from pytest_perfbudget.postgres.profile import command_line
from pytest_perfbudget.postgres.server import Request
from pytest_perfbudget.processes import run_folder
from pytest_perfbudget.processes.folders import cache_folder
from pytest_perfbudget.processes.run_folder import RunFolder
from pytest_perfbudget.processes.runner import Launch, Runner
from pytest_perfbudget.processes.unprivileged import ServerUser, server_user

if TYPE_CHECKING:
    import psycopg

_PORT = 5432
SOCKET = f".s.PGSQL.{_PORT}"


class Programs(Protocol):
    """``postgres`` and ``initdb`` of one major. ``version`` names the folder of their clusters in the cache."""

    @property
    def version(self) -> str: ...

    @property
    def major(self) -> int: ...

    def bin_folder(self, home: Path, user: ServerUser) -> Path:
        """Where ``user`` can execute them; they may be copied to ``home``."""


def planned_dsn(run: str, worker: str = "main") -> str:
    """The URL of the worker's database on the server that this run will start, or has.

    Raises:
        ServerError: no temporary folder can be used.
    """
    return conninfo.url(params(run_folder.plan(run, server_user(), SOCKET)), database_name(run, worker))


def start(kind: str, programs: Programs, request: Request) -> OwnServer:
    """The server of this run: the one that is there, else a new one.

    Raises:
        ServerError: it cannot be started; a disk is full; a folder cannot be used.
    """
    source = ClusterSource(kind, programs, request, server_user())
    share = Runner(source).attach_or_start()
    if share.started and not share.fresh:
        drop_unfinished(share.client)
    return own_server(kind, request, params(share.folder), share)


@dataclass(frozen=True, slots=True)
class ClusterSource:
    """Starts ``postgres`` on a slot of the cache."""

    kind: str
    programs: Programs
    request: Request
    user: ServerUser

    @property
    def name(self) -> str:
        return f"the {self.kind} server"

    def folder(self) -> RunFolder:
        return run_folder.plan(self.request.run, self.user, SOCKET)

    @contextlib.contextmanager
    def launching(self, folder: RunFolder) -> Iterator[Launch]:
        major = self.programs.major
        home = cache_folder(self.request.cache, self.user) / f"{self.kind}-{self.programs.version}"
        home.mkdir(mode=0o711, exist_ok=True)
        bin_folder = self.programs.bin_folder(home, self.user)
        with cluster.take_slot(home, self.user, self.request.slot) as slot:
            if fresh := not cluster.is_clean(slot.data, major):
                cluster.rebuild(slot, bin_folder, major, self.user, self.request.progress)
            command = [str(bin_folder / "postgres"), "-D", str(slot.data), *listen(folder)]
            command += command_line(self.request.profile, major)
            if self.request.logs:
                command += log.arguments(major, str(folder.path))
            yield Launch(command, slot.data, (slot.held,), fresh)

    def reach(self, folder: RunFolder) -> psycopg.Connection | None:
        return reach(folder)

    def remedy(self, log: str) -> str:
        return cluster.remedy(log)


def params(folder: RunFolder) -> dict[str, str]:
    """How to connect. The port is always said, or an inherited PGPORT would decide."""
    host = "127.0.0.1" if folder.port else str(folder.path)
    return {"user": cluster.SUPERUSER, "host": host, "port": str(folder.port or _PORT)}


def reach(folder: RunFolder) -> psycopg.Connection | None:
    """Not somebody else's server, where ours found the port taken."""
    with contextlib.suppress(ServerError):
        connection = conninfo.connect(conninfo.url(params(folder) | conninfo.IMPATIENT, MAINTENANCE))
        if connection.execute("SHOW cluster_name").fetchone() == (folder.path.name,):
            return connection
        connection.close()
    return None


def listen(folder: RunFolder) -> list[str]:
    """The server's arguments for this address."""
    address = "127.0.0.1" if folder.port else ""
    sockets = "" if folder.port else '"' + str(folder.path).replace('"', '""') + '"'
    place = ["-c", f"listen_addresses={address}", "-c", f"unix_socket_directories={sockets}"]
    return [*place, "-p", str(folder.port or _PORT), "-c", f"cluster_name={folder.path.name}"]
