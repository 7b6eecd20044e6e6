"""Attaching to the embedded server of a run, or starting it. POSIX only; imported when that is known."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_perfbudget.errors import ServerError
from pytest_perfbudget.postgres import cluster, conninfo, locks, run_folder, supervisor
from pytest_perfbudget.postgres.binaries import Wheel, programs
from pytest_perfbudget.postgres.cluster import Slot
from pytest_perfbudget.postgres.folders import cache_folder
from pytest_perfbudget.postgres.markers import drop_unfinished
from pytest_perfbudget.postgres.profile import QUIET, Profile, command_line
from pytest_perfbudget.postgres.run_folder import RunFolder
from pytest_perfbudget.postgres.server import Request
from pytest_perfbudget.postgres.supervisor import Lifeline
from pytest_perfbudget.postgres.unprivileged import ServerUser

if TYPE_CHECKING:
    import psycopg

_START = 60.0  # seconds a server may take to accept connections
_STOP = 30.0  # seconds the server of before may take to stop
_MAINTENANCE = "postgres"


@dataclass
class EmbeddedServer:
    """In use by this process until :meth:`close`; shared by all processes of the run."""

    run: str
    version: str
    major: int
    locale: str
    profile: Profile = field(repr=False)
    folder: RunFolder
    lifeline: Lifeline
    users: int
    _admin: psycopg.Connection = field(repr=False)
    kind: str = "embedded"
    throwaway: bool = True
    notes: tuple[str, ...] = ()

    @property
    def admin(self) -> psycopg.Connection:
        if conninfo.interrupted(self._admin):
            self._admin.close()
        if self._admin.closed:
            self._admin = self.connect()
        return self._admin

    def dsn(self, database: str) -> str:
        return conninfo.url(self.folder.params, database)

    def connect(self, database: str | None = None) -> psycopg.Connection:
        if self.lifeline.severed():
            raise ServerError(
                "the embedded server of this run is gone",
                remedy="it was closed, killed or crashed; the next run starts another one",
            )
        return conninfo.connect(self.dsn(database or _MAINTENANCE), options=QUIET)

    def close(self) -> None:
        """Leave; the last to leave waits until the server has stopped and its folder is removed."""
        if self.lifeline.closed:
            return
        self._admin.close()
        last = locks.alone(self.users)
        try:
            alive = os.open(self.folder.alive, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            alive = None
        self.lifeline.close()
        os.close(self.users)
        if alive is not None:
            if last:
                locks.await_release(alive, _STOP)
            os.close(alive)


@dataclass(frozen=True, slots=True)
class Runner:
    """One process's way to the server of its run."""

    request: Request
    wheel: Wheel
    user: ServerUser

    def attach_or_start(self) -> EmbeddedServer:
        """The server of this run: the first process starts it, the others wait and attach.

        Raises:
            ServerError: it cannot be started; a disk is full; a folder cannot be used.
        """
        folder = run_folder.plan(self.request.run, self.user)
        deadline = time.monotonic() + _START + _STOP
        while time.monotonic() < deadline:
            run_folder.make(folder, self.user)
            try:
                if server := self._try(folder):
                    return server
            except FileNotFoundError:
                if folder.path.exists():
                    raise
        raise ServerError(f"the embedded server in {folder.path} neither answers nor stops")

    def _try(self, folder: RunFolder) -> EmbeddedServer | None:
        """None to begin again, as the server of before has just taken its folder away."""
        held = locks.lock(folder.lock, _START)
        if held is None:
            return None
        try:
            return self._attach(folder) or self._succeed(folder) if locks.still_named(held, folder.lock) else None
        finally:
            os.close(held)

    def _attach(self, folder: RunFolder) -> EmbeddedServer | None:
        lifeline = supervisor.grasp(folder)
        return self._enter(folder, lifeline) if lifeline else None

    def _succeed(self, folder: RunFolder) -> EmbeddedServer | None:
        """Start a server once the one of before, if any, is really gone."""
        alive = locks.lock(folder.alive, _STOP)
        if alive is None:
            return None
        try:
            if locks.still_named(alive, folder.alive) and folder.lock.exists():
                return self._start(folder, alive)
            return None
        finally:
            os.close(alive)

    def _start(self, folder: RunFolder, alive: int) -> EmbeddedServer | None:
        run_folder.sweep(folder, self.user)
        home = cache_folder(self.request.cache, self.user) / f"embedded-{self.wheel.version}"
        home.mkdir(mode=0o711, exist_ok=True)
        bin_folder = programs(self.wheel, home, self.user)
        with cluster.take_slot(home, self.user, self.request.slot) as slot:
            if fresh := not cluster.is_clean(slot.data, self.wheel.major):
                cluster.rebuild(slot, bin_folder, self.user, self.request.progress)
            command = [str(bin_folder / "postgres"), "-D", str(slot.data), *folder.listen]
            command += command_line(self.request.profile, self.wheel.major)
            return self._launch(folder, command, slot, alive, fresh=fresh)

    def _launch(
        self, folder: RunFolder, command: list[str], slot: Slot, alive: int, *, fresh: bool
    ) -> EmbeddedServer | None:
        """A cluster that was used before and does not start is distrusted, and all begins again."""
        lifeline = supervisor.launch(folder, slot.data, command, self.user, (alive, slot.held))
        with folder.log.open(errors="replace") as log:  # open before the supervisor can remove it
            server = self._enter(folder, lifeline)
            if server is None and fresh:
                raise ServerError("the embedded server does not start", remedy=cluster.remedy(log.read()))
        if server is None:
            slot.distrust()
        elif not fresh:
            drop_unfinished(server.admin)
        return server

    def _enter(self, folder: RunFolder, lifeline: Lifeline) -> EmbeddedServer | None:
        """The server once it accepts a connection; None, and the lifeline let go, when it has died instead."""
        try:
            admin = _await(folder, lifeline)
            if admin is None:
                lifeline.close()
                return None
            users = locks.share(folder.users)
        except BaseException:
            lifeline.close()
            raise
        number = admin.info.server_version
        version = admin.info.parameter_status("server_version") or str(number)
        return EmbeddedServer(
            self.request.run, version, number // 10000, self.request.locale, self.request.profile, folder, lifeline,
            users, admin,
        )  # fmt: skip


def _await(folder: RunFolder, lifeline: Lifeline) -> psycopg.Connection | None:
    deadline = time.monotonic() + _START
    while time.monotonic() < deadline and not lifeline.severed():
        try:
            return conninfo.connect(conninfo.url(folder.params, _MAINTENANCE))
        except ServerError:
            time.sleep(0.002)
    return None
