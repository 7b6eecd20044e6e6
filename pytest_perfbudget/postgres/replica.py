"""A streaming standby of a server of our own: its copy made by ``pg_basebackup``, run and ended as any other server.

The copy is made by the supervised command itself, so that nothing of it stays wherever we are killed.
"""

from __future__ import annotations

import contextlib
import shlex
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_perfbudget.errors import ServerError
from pytest_perfbudget.postgres import cluster
from pytest_perfbudget.postgres.binaries import Wheel, find_wheel
from pytest_perfbudget.postgres.own import OwnServer, own_server
from pytest_perfbudget.postgres.profile import command_line
from pytest_perfbudget.postgres.programs import SOCKET, listen, params, reach
from pytest_perfbudget.postgres.server import Request, Server
from pytest_perfbudget.processes import run_folder
from pytest_perfbudget.processes.folders import cache_folder
from pytest_perfbudget.processes.run_folder import RunFolder
from pytest_perfbudget.processes.runner import Launch, Runner
from pytest_perfbudget.processes.unprivileged import ServerUser, server_user

if TYPE_CHECKING:
    import psycopg

_SETTINGS = ("-c", "hot_standby=on", "-c", "wal_receiver_create_temp_slot=on")
"""The temporary slot keeps the WAL the standby has not got yet, and goes with it."""

_PATIENCE = 30.0  # seconds
_WRITTEN = "select pg_current_wal_lsn()"
_REPLAYED = "select pg_last_wal_replay_lsn() >= %s::pg_lsn"


@dataclass
class Replica:
    """The standby of a run. Databases have the names they have on the primary."""

    primary: Server
    server: OwnServer
    _standby: psycopg.Connection | None = field(default=None, repr=False)

    def dsn(self, database: str) -> str:
        """The URL of a database on the standby."""
        return self.server.dsn(database)

    def lag(self, patience: float = _PATIENCE) -> float:
        """Seconds until the standby has replayed all that the primary has written by now, one round trip included.

        Raises:
            ServerError: it has not after ``patience`` seconds.
        """
        written = (self.primary.admin.execute(_WRITTEN).fetchone() or ("",))[0]
        started = time.perf_counter()
        while self.server.admin.execute(_REPLAYED, [written]).fetchone() != (True,):
            if time.perf_counter() - started > patience:
                raise ServerError(
                    f"the standby has not replayed {written} within {patience:g} s",
                    remedy="a session on the standby may hold a lock that is in the way of replay",
                )
        return time.perf_counter() - started

    def close(self) -> None:
        """Leave it; the last to leave stops it."""
        self.server.close()


def start(primary: Server, request: Request) -> Replica:
    """The standby of the run's server, shared by all its processes: the one that is there, else a new one.

    Raises:
        ServerError: the server was not started from programs of the wheel; the standby cannot be made or started.
    """
    wheel = find_wheel()
    if not isinstance(primary, OwnServer) or primary.kind != "embedded" or wheel is None:
        raise ServerError(
            f"a standby is made of an embedded server, and this one is of kind {primary.kind}",
            remedy="--perf-server=embedded",
        )
    with request.progress("making a standby"):
        source = StandbySource(primary, wheel, request, server_user())
        share = Runner(source).attach_or_start()
    return Replica(primary, own_server("standby", request, params(share.folder), share))


@dataclass(frozen=True, slots=True)
class StandbySource:
    """Starts a standby of ``primary``, in the run's own folder."""

    primary: OwnServer
    wheel: Wheel
    request: Request
    user: ServerUser
    name: str = "the standby"

    def folder(self) -> RunFolder:
        return run_folder.plan(self.request.run, self.user, SOCKET, "-s")

    @contextlib.contextmanager
    def launching(self, folder: RunFolder) -> Iterator[Launch]:
        home = cache_folder(self.request.cache, self.user) / f"{self.primary.kind}-{self.wheel.version}"
        bin_folder, data, of = self.wheel.bin_folder(home, self.user), folder.path / "data", self.primary.params
        copy = [str(bin_folder / "pg_basebackup"), "-D", str(data), "-R", "-X", "stream", "-c", "fast", "--no-sync"]
        copy += ["-h", of["host"], "-p", of["port"], "-U", cluster.SUPERUSER]
        run = [str(bin_folder / "postgres"), "-D", str(data), *listen(folder)]
        run += [*command_line(self.request.profile, self.wheel.major), *_SETTINGS]
        yield Launch(["/bin/sh", "-c", f"{shlex.join(copy)} && exec {shlex.join(run)}"], data)

    def reach(self, folder: RunFolder) -> psycopg.Connection | None:
        return reach(folder)

    def remedy(self, log: str) -> str:
        return cluster.remedy(log)
