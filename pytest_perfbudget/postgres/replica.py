"""A streaming standby of a server of our own: its copy made by ``pg_basebackup``, run and ended as any other server.

The copy is made by the supervised command itself, so that nothing of it stays wherever we are killed.
"""

from __future__ import annotations

import os
import shlex
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pytest_perfbudget.errors import ServerError
from pytest_perfbudget.postgres import cluster, run_folder
from pytest_perfbudget.postgres.binaries import find_wheel, programs
from pytest_perfbudget.postgres.cluster import Slot
from pytest_perfbudget.postgres.folders import cache_folder
from pytest_perfbudget.postgres.profile import command_line
from pytest_perfbudget.postgres.run_folder import RunFolder
from pytest_perfbudget.postgres.runner import EmbeddedServer, Runner
from pytest_perfbudget.postgres.server import Request, Server
from pytest_perfbudget.postgres.unprivileged import server_user

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
    server: EmbeddedServer
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
        ServerError: the server is not one of our own; the standby cannot be made or started.
    """
    wheel = find_wheel()
    if not isinstance(primary, EmbeddedServer) or wheel is None:
        raise ServerError(
            f"a standby is made of an embedded server, and this one is of kind {primary.kind}",
            remedy="--perf-server=embedded",
        )
    own = replace(request, run=f"r{request.run}")
    with request.progress("making a standby"):
        server = _Standby(own, wheel, server_user(), primary.folder).attach_or_start()
    return Replica(primary, server)


@dataclass(frozen=True, slots=True)
class _Standby(Runner):
    """Starts a standby of the server in ``primary`` where there is none."""

    primary: RunFolder

    def _start(self, folder: RunFolder, alive: int) -> EmbeddedServer | None:
        run_folder.sweep(folder, self.user)
        home = cache_folder(self.request.cache, self.user) / f"embedded-{self.wheel.version}"
        bin_folder = programs(self.wheel, home, self.user)
        slot = Slot(folder.path, os.dup(alive))
        copy = [
            str(bin_folder / "pg_basebackup"),
            "-D",
            str(slot.data),
            "-R",
            "-X",
            "stream",
            "-c",
            "fast",
            "--no-sync",
        ]
        copy += ["-h", self.primary.params["host"], "-p", self.primary.params["port"], "-U", cluster.SUPERUSER]
        run = [str(bin_folder / "postgres"), "-D", str(slot.data), *folder.listen]
        run += [*command_line(self.request.profile, self.wheel.major), *_SETTINGS]
        try:
            both = f"{shlex.join(copy)} && exec {shlex.join(run)}"
            return self._launch(folder, ["/bin/sh", "-c", both], slot, alive, fresh=True)
        finally:
            slot.release()
