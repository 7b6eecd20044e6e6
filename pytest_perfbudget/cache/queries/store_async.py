"""The Redis of an async cache: as :mod:`store`, awaited."""

from __future__ import annotations

import time
from typing import Any

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, ResponseError

from pytest_perfbudget.cache.queries.breaker import FAILURES, Breaker, checked, prefix, run_id, source
from pytest_perfbudget.cache.queries.steps import Ask, Unreachable
from pytest_perfbudget.cache.queries.versions import SCRIPTS


class AsyncStore:
    """Answers :class:`Ask`; ``timeout`` bounds each command, ``pause`` is how long a failure is not tried again."""

    def __init__(self, url: str, *, timeout: float = 0.25, pause: float = 1.0, cluster: bool = False) -> None:
        self.breaker = Breaker(pause, time.monotonic)
        self._run = ""
        kind: Any = RedisCluster if cluster else Redis
        self._client: Any = kind.from_url(
            url,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), 0),
            **({} if cluster else {"redis_connect_func": self._connected}),
        )
        if cluster:
            self._run = "cluster"

    async def answer(self, step: Ask) -> Any:
        """Raises Unreachable."""
        self.breaker.check()
        try:
            if not self._run:
                await self._client.ping()
            run = self._run
            start = prefix(step.server, run)
            answer = checked(step, await self._sent(step, [start + key for key in step.keys]))
        except FAILURES as error:
            (self.breaker.refused if isinstance(error, ResponseError) else self.breaker.failed)(error)
            raise Unreachable(str(error)) from error
        if run != self._run:
            raise Unreachable("Redis is another server than before")
        return answer

    async def _sent(self, step: Ask, keys: list[str]) -> Any:
        if step.command not in SCRIPTS:
            return await self._client.execute_command(step.command, *keys, *step.arguments)
        text, digest = source(step.command)
        try:
            return await self._client.evalsha(digest, len(keys), *keys, *step.arguments)
        except NoScriptError:
            return await self._client.eval(text, len(keys), *keys, *step.arguments)

    async def _connected(self, connection: Any) -> None:
        """A new connection says which server it has reached before it says anything else."""
        await connection.on_connect()
        await connection.send_command("INFO", "server")
        self._run = run_id(await connection.read_response())

    async def close(self) -> None:
        await self._client.aclose()
