"""Stands in for a container as its process: run as a script below the supervisor, it starts one container, writes down
where it is reached, waits as long as it runs, and removes it when it is told to end.
With ``--keep`` it only starts one.

Containers of runs that are dead, where a tender was killed, are removed before the next one starts: each carries the
folder of its run as a label. testcontainers' own reaper is an image that may not be had, and is left out.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

LABEL = "pytest-perfbudget"
KEPT = f"{LABEL}.kept"
HOST = socket.gethostname()
_ENDINGS = {signal.SIGINT, signal.SIGTERM}


def tend(folder: Path) -> None:
    """One container from its start to its end. Signals wait until it can be removed."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDINGS)
    for number in _ENDINGS:
        signal.signal(number, _leave)
    container = _container(json.loads((folder / "container.json").read_text()), folder)
    _sweep(container.get_docker_client().client, folder)
    try:
        container.start()
        _write(folder, container)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDINGS)
        container.get_wrapped_container().wait()
        print(container.get_wrapped_container().logs(tail=12).decode(errors="replace"), flush=True)
    finally:
        signal.pthread_sigmask(signal.SIG_BLOCK, _ENDINGS)
        container.stop()


def keep(folder: Path) -> None:
    """Start a container that stays, in place of one that was started for this folder before."""
    container = _container(json.loads((folder / "container.json").read_text()), folder, kept=True)
    for left in container.get_docker_client().client.containers.list(all=True, filters={"label": f"{KEPT}={folder}"}):
        left.remove(force=True, v=True)
    container.start()
    _write(folder, container)


def _container(spec: dict[str, Any], folder: Path, *, kept: bool = False) -> Any:
    from testcontainers.core.config import testcontainers_config

    testcontainers_config.ryuk_disabled = True
    from testcontainers.core.container import DockerContainer

    container = DockerContainer(spec["image"]).with_command(spec["command"]).with_envs(**spec["environ"])
    ports: dict[str, Any] = container.ports
    ports[f"{spec['port']}/tcp"] = ("127.0.0.1", None) if _beside(container) else None
    container.tmpfs = dict.fromkeys(spec["tmpfs"], "rw,mode=1777")
    labels = {KEPT if kept else f"{LABEL}.folder": str(folder), LABEL: HOST}
    return container.with_kwargs(labels=labels, shm_size=spec["shm"])


def _beside(container: Any) -> bool:
    """Whether what the engine publishes on its loopback is reached on ours: the engine's socket is here, and we are in
    no container, or in one with the engine."""
    from testcontainers.core.config import ConnectionMode

    client = container.get_docker_client()
    here = client.get_connection_mode() is ConnectionMode.docker_host or client.client.info()["Name"] == HOST
    return here and os.environ["DOCKER_HOST"].startswith("unix")


def _write(folder: Path, container: Any) -> None:
    """The address, whole or not at all."""
    ((port, published),) = container.ports.items()
    inside = int(port.partition("/")[0])
    if published:
        where = f"127.0.0.1 {container.get_docker_client().port(container.get_container_id(), inside)}"
    else:
        where = f"{container.get_container_host_ip()} {container.get_exposed_port(inside)}"
    partial = folder / "address.partial"
    partial.write_text(where)
    partial.rename(folder / "address")


def _sweep(client: Any, own: Path) -> None:
    for left in client.containers.list(all=True, filters={"label": f"{LABEL}={HOST}"}):
        folder = left.labels.get(f"{LABEL}.folder")
        if folder and (folder == str(own) or not _alive(Path(folder))):
            with contextlib.suppress(Exception):
                left.remove(force=True, v=True)


def _alive(folder: Path) -> bool:
    """Whether somebody holds the lock of a run's processes."""
    try:
        with (folder / "alive").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _leave(*_: object) -> None:
    raise SystemExit


if __name__ == "__main__":
    try:
        (keep if "--keep" in sys.argv[2:] else tend)(Path(sys.argv[1]))
    except Exception as error:
        sys.exit(f"{type(error).__name__}: {error}")
