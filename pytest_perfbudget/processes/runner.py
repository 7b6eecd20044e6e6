"""Attaching to a server of a run, or starting it: the first process starts it, the others wait and attach."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from pytest_perfbudget.errors import ServerError
from pytest_perfbudget.processes import locks, run_folder, supervisor
from pytest_perfbudget.processes.run_folder import RunFolder
from pytest_perfbudget.processes.supervisor import ENVIRONMENT, Lifeline
from pytest_perfbudget.processes.unprivileged import ServerUser

_START = 60.0  # seconds a server may take to accept connections
_STOP = 30.0  # seconds the server of before may take to stop

T = TypeVar("T")
Client_co = TypeVar("Client_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Launch:
    """A server's command. ``data`` is its data folder, ``held`` the descriptors of locks it takes along; ``fresh``
    says that its data were made for this start."""

    command: list[str]
    data: Path | None = None
    held: tuple[int, ...] = ()
    fresh: bool = True
    environ: Mapping[str, str] = field(default_factory=lambda: ENVIRONMENT)

    def distrust(self) -> None:
        """Have the data made anew by the next who starts: they were used before, and the server does not start."""
        if self.data:
            (self.data / "PG_VERSION").unlink(missing_ok=True)


class Source(Protocol[Client_co]):
    """One kind of server of ours: what is started, as whom, and how it is reached. ``name`` is for errors."""

    @property
    def name(self) -> str: ...

    @property
    def user(self) -> ServerUser: ...

    def folder(self) -> RunFolder:
        """Where the run's folder is, or will be."""

    def launching(self, folder: RunFolder) -> AbstractContextManager[Launch]:
        """The launch, for the time of starting it."""

    def reach(self, folder: RunFolder) -> Client_co | None:
        """A client of the running server, None as long as it does not answer."""

    def remedy(self, log: str) -> str:
        """What to do about a server that does not start, from what it printed."""


@dataclass
class Share(Generic[T]):
    """This process's part in a server of the run, until :meth:`leave`. ``started`` tells who started it."""

    folder: RunFolder
    lifeline: Lifeline
    users: int
    client: T
    started: bool = False
    fresh: bool = False

    def severed(self) -> bool:
        """Whether the server is gone, or we have left it."""
        return self.lifeline.severed()

    def leave(self) -> None:
        """Leave; the last to leave waits until the server has stopped and its folder is removed."""
        if self.lifeline.closed:
            return
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
class Runner(Generic[T]):
    """One process's way to a server of its run."""

    source: Source[T]

    def attach_or_start(self) -> Share[T]:
        """A share in the server of this run.

        Raises:
            ServerError: it cannot be started; a disk is full; a folder cannot be used.
        """
        folder = self.source.folder()
        deadline = time.monotonic() + _START + _STOP
        while time.monotonic() < deadline:
            run_folder.make(folder, self.source.user)
            try:
                if share := self._try(folder):
                    return share
            except FileNotFoundError:
                if folder.path.exists():
                    raise
        raise ServerError(f"{self.source.name} in {folder.path} neither answers nor stops")

    def _try(self, folder: RunFolder) -> Share[T] | None:
        """None to begin again, as the server of before has just taken its folder away."""
        held = locks.lock(folder.lock, _START)
        if held is None:
            return None
        try:
            return self._attach(folder) or self._succeed(folder) if locks.still_named(held, folder.lock) else None
        finally:
            os.close(held)

    def _attach(self, folder: RunFolder) -> Share[T] | None:
        lifeline = supervisor.grasp(folder)
        return self._enter(folder, lifeline) if lifeline else None

    def _succeed(self, folder: RunFolder) -> Share[T] | None:
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

    def _start(self, folder: RunFolder, alive: int) -> Share[T] | None:
        run_folder.sweep(folder, self.source.user)
        try:
            with self.source.launching(folder) as launch:
                return self._launch(folder, launch, alive)
        except BaseException:
            if not supervisor.watches(folder):
                shutil.rmtree(folder.path, ignore_errors=True)
            raise

    def _launch(self, folder: RunFolder, launch: Launch, alive: int) -> Share[T] | None:
        """Data that were used before and whose server does not start are distrusted, and all begins again."""
        lifeline = supervisor.launch(folder, launch, self.source.user, alive)
        with folder.log.open(errors="replace") as log:  # open before the supervisor can remove it
            share = self._enter(folder, lifeline)
            if share is None and launch.fresh:
                raise ServerError(f"{self.source.name} does not start", remedy=self.source.remedy(log.read()))
        if share is None:
            launch.distrust()
        else:
            share.started, share.fresh = True, launch.fresh
        return share

    def _enter(self, folder: RunFolder, lifeline: Lifeline) -> Share[T] | None:
        """A share once the server answers; None, and the lifeline let go, when it has died instead."""
        try:
            client = self._await(folder, lifeline)
            if client is None:
                lifeline.close()
                return None
            return Share(folder, lifeline, locks.share(folder.users), client)
        except BaseException:
            lifeline.close()
            raise

    def _await(self, folder: RunFolder, lifeline: Lifeline) -> T | None:
        deadline, pause = time.monotonic() + _START, 0.002
        while time.monotonic() < deadline and not lifeline.severed():
            client = self.source.reach(folder)
            if client is not None:
                return client
            time.sleep(pause)
            pause = min(pause * 1.2, 0.02)
        return None
