"""Redis in a container: the image production runs, published on the loopback only, gone with the run."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_perfbudget.cache import own
from pytest_perfbudget.cache.server import RedisRequest, RedisServer
from pytest_perfbudget.processes import engine
from pytest_perfbudget.processes.offer import Refusal

if TYPE_CHECKING:
    from redis import Redis

    from pytest_perfbudget.processes.run_folder import RunFolder
    from pytest_perfbudget.processes.runner import Launch
    from pytest_perfbudget.processes.unprivileged import ServerUser


class Container:
    """testcontainers, with the image of ``redis_image``."""

    name = "container"

    def refusal(self, request: RedisRequest) -> Refusal | None:
        """Not without an engine; under ``auto`` not without the image, as pulling takes minutes."""
        return own.cannot() or engine.refusal(request.image, pull=request.server == self.name)

    def start(self, request: RedisRequest) -> RedisServer:
        """The container of this run: the one that is there, else a new one."""
        from pytest_perfbudget.processes import containers
        from pytest_perfbudget.processes.runner import Runner
        from pytest_perfbudget.processes.unprivileged import ourselves

        containers.pull(request.image, request.progress)
        share = Runner(ContainerSource(request, ourselves())).attach_or_start()
        return own.OwnRedis(self.name, _url(share.folder, request.number) or "", share)


@dataclass(frozen=True, slots=True)
class ContainerSource:
    """Starts a container in the name of this user."""

    request: RedisRequest
    user: ServerUser
    name: str = "the container of Redis"

    def folder(self) -> RunFolder:
        from pytest_perfbudget.processes import run_folder

        return run_folder.plan(self.request.run, self.user, "", "-rc")

    def launching(self, folder: RunFolder) -> AbstractContextManager[Launch]:
        from pytest_perfbudget.processes import containers

        command = ("redis-server", "--protected-mode", "no", *own.IN_MEMORY)
        return containers.launching(folder, containers.Spec(self.request.image, 6379, command, {}))

    def reach(self, folder: RunFolder) -> Redis | None:
        url = _url(folder, self.request.number)
        return own.reach(url) if url else None

    def remedy(self, log: str) -> str:
        from pytest_perfbudget.processes import containers

        return containers.remedy(log)


def _url(folder: RunFolder, number: int) -> str | None:
    from pytest_perfbudget.processes import containers

    where = containers.address(folder)
    return f"redis://{where[0]}:{where[1]}/{number}" if where else None
