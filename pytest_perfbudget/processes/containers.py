"""A container as a server of a run: what it is made with, how it is started, where it is reached."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pytest_perfbudget.errors import ServerError
from pytest_perfbudget.processes import engine
from pytest_perfbudget.processes.offer import Progress
from pytest_perfbudget.processes.run_folder import RunFolder
from pytest_perfbudget.processes.runner import Launch
from pytest_perfbudget.processes.tender import KEPT

T = TypeVar("T")

_ANSWER = 60.0  # seconds
_TENDER = Path(__file__).with_name("tender.py")


@dataclass(frozen=True, slots=True)
class Spec:
    """``port`` is the one inside; ``tmpfs`` are folders kept in memory; ``shm`` is the size of /dev/shm. ``files`` are
    texts that clients need, put into the run's folder."""

    image: str
    port: int
    command: tuple[str, ...]
    environ: Mapping[str, str]
    tmpfs: tuple[str, ...] = ()
    shm: str = "64m"
    files: Mapping[str, str] = field(default_factory=dict)


@contextlib.contextmanager
def launching(folder: RunFolder, spec: Spec) -> Iterator[Launch]:
    """The launch of the container's tender, which finds its orders in the run's folder: they hold a password."""
    folder.address.unlink(missing_ok=True)
    orders = _orders(folder)
    orders.touch(0o600)
    orders.write_text(json.dumps(asdict(spec)))
    for name, text in spec.files.items():
        (folder.path / name).write_text(text)
    environ = {**os.environ, "DOCKER_HOST": engine.host()}
    yield Launch([sys.executable, "-P", str(_TENDER), str(folder.path)], environ=environ)


def address(folder: RunFolder) -> tuple[str, int] | None:
    """Host and port of the running container, None as long as it has none."""
    with contextlib.suppress(OSError):
        host, port = folder.address.read_text().split()
        return host, int(port)
    return None


def environ(folder: RunFolder) -> dict[str, str]:
    """The variables the container was started with."""
    found: dict[str, str] = json.loads(_orders(folder).read_text())["environ"]
    return found


def await_answer(ask: Callable[[], T | None]) -> T | None:
    """What ``ask`` gives once it is not None; None after a minute."""
    deadline = time.monotonic() + _ANSWER
    while (answer := ask()) is None and time.monotonic() < deadline:
        time.sleep(0.02)
    return answer


def last_words(folder: RunFolder) -> str | None:
    """What the container that was to stay for this folder said before it ended; it is removed. None while it runs."""
    for one in _client().containers.list(all=True, filters={"label": f"{KEPT}={folder.path}"}):
        if one.status in ("exited", "dead"):
            said: bytes = one.logs(tail=12)
            one.remove(force=True, v=True)
            return said.decode(errors="replace")
    return None


def _client() -> Any:
    import docker

    return docker.from_env(environment={**os.environ, "DOCKER_HOST": engine.host()})


def pull(image: str, progress: Progress) -> None:
    """Have the image, fetched if need be.

    Raises:
        ServerError: it cannot be had.
    """
    if engine.has(image):
        return
    import docker

    with progress(f"pulling {image}"):
        try:
            _client().images.pull(*_name_and_tag(image))
        except docker.errors.DockerException as error:
            raise ServerError(
                f"the image {image} is not here and cannot be pulled: {str(error).strip()}",
                remedy=f"docker pull {image} says more; container_image names another one",
            ) from None


def remedy(log: str) -> str:
    """The last lines of what the container or the engine said, and what to do where that is known."""
    lines = log.strip().splitlines()[-12:] or ["it printed nothing"]
    if "No space left on device" in log:
        lines.append("free some space for the engine, or keep the data on disk: container_tmpfs = false")
    return "\n".join([*lines, "--perf-server=embedded needs no container"])


def _name_and_tag(image: str) -> tuple[str, str | None]:
    name, colon, tag = image.rpartition(":")
    return (name, tag) if colon and "/" not in tag and "@" not in image else (image, None)


def _orders(folder: RunFolder) -> Path:
    return folder.path / "container.json"
