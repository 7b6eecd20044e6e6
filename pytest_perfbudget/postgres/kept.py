"""A container that stays when the run has ended, with its templates: later runs of the same settings find it.

Used like a server of somebody else, as several runs may be on it at once, but made by us and with our profile.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from pytest_perfbudget.errors import ServerError
from pytest_perfbudget.postgres import container, dsn
from pytest_perfbudget.postgres.dsn import DsnServer
from pytest_perfbudget.postgres.server import Request
from pytest_perfbudget.processes import containers, locks
from pytest_perfbudget.processes.containers import Spec
from pytest_perfbudget.processes.folders import cache_folder
from pytest_perfbudget.processes.run_folder import RunFolder
from pytest_perfbudget.processes.tender import KEPT
from pytest_perfbudget.processes.unprivileged import ourselves

if TYPE_CHECKING:
    import psycopg

_START = 120.0  # seconds for the process that starts the container


def start(request: Request) -> DsnServer:
    """The container that an earlier run left, else a new one.

    Raises:
        ServerError: it does not start.
    """
    spec = container.spec(request)
    folder = _folder(request, spec)
    held = locks.lock(folder.lock, _START)
    if held is None:
        raise ServerError(f"another run is starting the container of {folder.path} and does not end")
    try:
        admin = container.reach(folder) or _started(folder, spec)
    finally:
        os.close(held)
    return replace(dsn.enter(request, container.params(folder) or {}, admin), kind="container", throwaway=True)


def _folder(request: Request, spec: Spec) -> RunFolder:
    """One per kind of container: what it is made with, but for what is drawn for each."""
    known = {name: value for name, value in spec.environ.items() if name not in container.DRAWN}
    made = asdict(spec) | {"environ": known, "files": sorted(spec.files)}
    name = hashlib.sha256(json.dumps(made, sort_keys=True).encode()).hexdigest()[:12]
    path = cache_folder(request.cache, ourselves()) / f"container-{name}"
    path.mkdir(mode=0o700, exist_ok=True)
    return RunFolder(path)


def _started(folder: RunFolder, spec: Spec) -> psycopg.Connection:
    with containers.launching(folder, spec) as launch:
        try:
            done = subprocess.run(
                [*launch.command, "--keep"], env=launch.environ, stdin=subprocess.DEVNULL, capture_output=True,
                text=True, errors="replace", check=False, timeout=_START, start_new_session=True,
                executable=sys.executable,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise ServerError(f"the engine has not started the container after {_START:g} s") from None
    if done.returncode:
        raise ServerError("the container does not start", remedy=containers.remedy(done.stderr or done.stdout))

    def ask() -> psycopg.Connection | None:
        admin = container.reach(folder)
        if admin is None and (said := containers.last_words(folder)) is not None:
            raise ServerError("the container does not start", remedy=containers.remedy(said))
        return admin

    if admin := containers.await_answer(ask):
        return admin
    raise ServerError("the container does not answer", remedy=f"docker ps --filter label={KEPT}={folder.path}")
