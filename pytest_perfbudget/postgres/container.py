"""The server in a container: the image production runs, its data in memory, gone with the run."""

from __future__ import annotations

import contextlib
import secrets
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_perfbudget.errors import ServerError
from pytest_perfbudget.postgres import conninfo, log, tls
from pytest_perfbudget.postgres.locales import initdb_locale
from pytest_perfbudget.postgres.profile import command_line
from pytest_perfbudget.postgres.server import Refusal, Request, Server
from pytest_perfbudget.processes import engine

if TYPE_CHECKING:
    import psycopg

    from pytest_perfbudget.processes.containers import Spec
    from pytest_perfbudget.processes.run_folder import RunFolder
    from pytest_perfbudget.processes.runner import Launch
    from pytest_perfbudget.processes.unprivileged import ServerUser

DRAWN = ("POSTGRES_PASSWORD", *tls.DRAWN)
"""Variables that are others in each container."""

_DEFAULT_MAJOR = 18
_DATA = "/perfbudget"
_NOT_HERE = "dynamic_shared_memory_type="  # a container takes its /dev/shm along


class Container:
    """testcontainers, with ``postgres:<major>`` or the image of ``container_image``."""

    name = "container"

    def refusal(self, request: Request) -> Refusal | None:
        """Not without an engine; under ``auto`` not without the image, as pulling takes minutes. Nothing speaks against
        the container that another worker of the run has."""
        if sys.platform != "win32" and ContainerSource.of(request).folder().address.exists():
            return None
        return engine.refusal(_image(request), pull=request.server == self.name)

    def start(self, request: Request) -> Server:
        """The container of this run: the one that is there, else a new one."""
        from pytest_perfbudget.postgres.own import own_server
        from pytest_perfbudget.processes import containers
        from pytest_perfbudget.processes.runner import Runner

        containers.pull(_image(request), request.progress)
        if request.container.reuse:
            from pytest_perfbudget.postgres import kept

            return kept.start(request)
        share = Runner(ContainerSource.of(request)).attach_or_start()
        server = own_server(self.name, request, params(share.folder) or {}, share)
        if request.major not in (None, server.major):
            server.close()
            raise ServerError(f"{_image(request)} is PostgreSQL {server.major}, not {request.major}",
                              remedy=f"--perf-postgres={server.major}, or another container_image")  # fmt: skip
        return server


@dataclass(frozen=True, slots=True)
class ContainerSource:
    """Starts a container in the name of this user."""

    request: Request
    user: ServerUser
    name: str = "the container"

    @classmethod
    def of(cls, request: Request) -> ContainerSource:
        from pytest_perfbudget.processes.unprivileged import ourselves

        return cls(request, ourselves())

    def folder(self) -> RunFolder:
        from pytest_perfbudget.processes import run_folder

        return run_folder.plan(self.request.run, self.user, "", "-c")

    def launching(self, folder: RunFolder) -> AbstractContextManager[Launch]:
        from pytest_perfbudget.processes import containers

        return containers.launching(folder, spec(self.request))

    def reach(self, folder: RunFolder) -> psycopg.Connection | None:
        return reach(folder)

    def remedy(self, log: str) -> str:
        from pytest_perfbudget.processes import containers

        return containers.remedy(log)


def reach(folder: RunFolder) -> psycopg.Connection | None:
    """A connection to the container of this folder, None as long as it does not answer."""
    known = params(folder)
    with contextlib.suppress(ServerError):
        return conninfo.connect(conninfo.url(known | conninfo.IMPATIENT, "postgres")) if known else None
    return None


def spec(request: Request) -> Spec:
    """The password goes in clear over the loopback: SCRAM would cost every connection some milliseconds."""
    from pytest_perfbudget.processes.containers import Spec

    major = request.major or _DEFAULT_MAJOR
    environ = {
        "POSTGRES_PASSWORD": secrets.token_hex(16),
        "POSTGRES_HOST_AUTH_METHOD": "password",
        "POSTGRES_INITDB_ARGS": " ".join([*initdb_locale(major), "--no-sync"]),
        "PGDATA": f"{_DATA}/data",
    }
    tmpfs = (_DATA,) if request.container.tmpfs else ()
    command: tuple[str, ...] = ("postgres", *_settings(request, major))
    files: dict[str, str] = {}
    if request.container.tls:
        drawn, files = tls.certificate()
        command, environ = tls.command(command), environ | drawn
    return Spec(_image(request), 5432, command, environ, tmpfs, request.container.shm, files)


def _settings(request: Request, major: int) -> Iterator[str]:
    given = command_line(request.profile, major) + (log.arguments(major, "log") if request.logs else [])
    for flag, setting in zip(given[::2], given[1::2], strict=True):
        if not setting.startswith(_NOT_HERE):
            yield from (flag, setting)


def _image(request: Request) -> str:
    return request.container.image.replace("{major}", str(request.major or _DEFAULT_MAJOR))


def params(folder: RunFolder) -> dict[str, str] | None:
    """How to connect to the container of this folder, None as long as that is not known."""
    from pytest_perfbudget.processes import containers

    where = containers.address(folder)
    if where is None:
        return None
    password = containers.environ(folder)["POSTGRES_PASSWORD"]
    known = {"user": "postgres", "password": password, "host": where[0], "port": str(where[1])}
    return known | tls.params(folder.path)
