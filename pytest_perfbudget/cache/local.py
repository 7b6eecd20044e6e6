"""Redis from the programs of this machine: ``redis-server`` or ``valkey-server`` on PATH."""

from __future__ import annotations

import shutil
from pathlib import Path

from pytest_perfbudget.cache import own
from pytest_perfbudget.cache.server import RedisRequest, RedisServer
from pytest_perfbudget.processes.offer import Refusal

_PROGRAMS = ("redis-server", "valkey-server")


class Local:
    """The first of the two that is there."""

    name = "local"

    def refusal(self, request: RedisRequest) -> Refusal | None:
        """Not on Windows, not where neither is on PATH."""
        if refusal := own.cannot():
            return refusal
        if _program() is None:
            return Refusal(f"neither {' nor '.join(_PROGRAMS)} is on PATH", "install one of them")
        return None

    def start(self, request: RedisRequest) -> RedisServer:
        """The running server of this run: the one that is there, else a new one."""
        program = _program()
        assert program
        return own.start(self.name, program, request)


def _program() -> Path | None:
    found = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    return Path(found).absolute() if found else None
