"""The Redis of a sync cache: bounded in time, and never taken for the server it was before a restart."""

from __future__ import annotations

import os
import time
from collections import deque
from functools import partial
from typing import Any

from redis import Redis, RedisCluster
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, ResponseError
from redis.retry import Retry

from pytest_perfbudget.cache.queries.breaker import FAILURES, Breaker, checked, prefix, run_id, source
from pytest_perfbudget.cache.queries.steps import Ask, Unreachable
from pytest_perfbudget.cache.queries.versions import SCRIPTS


class Store:
    """Answers :class:`Ask`; ``timeout`` bounds each command, ``pause`` is how long a failure is not tried again.

    A command goes to a connection of redis-py without its client, whose accounts of each command cost as much as Redis.
    """

    def __init__(self, url: str, *, timeout: float = 0.25, pause: float = 1.0, cluster: bool = False) -> None:
        self.breaker = Breaker(pause, time.monotonic)
        self._run = ""
        bounded: dict[str, Any] = {
            "socket_timeout": timeout, "socket_connect_timeout": timeout, "retry": Retry(NoBackoff(), 0)
        }  # fmt: skip
        self._cluster = partial(RedisCluster.from_url, url, **bounded) if cluster else None
        if cluster:
            self._run = "cluster"
        self._client: Any = None if cluster else Redis.from_url(url, redis_connect_func=self._connected, **bounded)
        self._idle: deque[Any] = deque()
        self._process = os.getpid()

    def answer(self, step: Ask) -> Any:
        """Raises Unreachable."""
        self.breaker.check()
        try:
            if not self._run:
                self._said("PING")
            run = self._run
            start = prefix(step.server, run)
            answer = checked(step, self._sent(step, [start + key for key in step.keys]))
        except FAILURES as error:
            (self.breaker.refused if isinstance(error, ResponseError) else self.breaker.failed)(error)
            raise Unreachable(str(error)) from error
        if run != self._run:
            raise Unreachable("Redis is another server than before")
        return answer

    def _sent(self, step: Ask, keys: list[str]) -> Any:
        if step.command not in SCRIPTS:
            return self._said(step.command, *keys, *step.arguments)
        text, digest = source(step.command)
        try:
            return self._said("EVALSHA", digest, len(keys), *keys, *step.arguments)
        except NoScriptError:
            return self._said("EVAL", text, len(keys), *keys, *step.arguments)

    def _said(self, *words: Any) -> Any:
        if self._cluster:
            self._client = self._client or self._cluster()  # which connects at once
            return self._client.execute_command(*words)
        connection = self._ready()
        try:
            connection.send_command(*words)
            answer = connection.read_response()
        except ResponseError:
            self._idle.append(connection)
            raise
        except BaseException:  # interrupted as well: what it answers later is no answer to the next command
            connection.disconnect()
            raise
        self._idle.append(connection)
        return answer

    def _ready(self) -> Any:
        """A connection that nothing waits on; one that Redis has closed meanwhile has its end to be read."""
        if self._process != os.getpid():
            self._idle, self._process = deque(), os.getpid()
        while self._idle:
            try:
                connection = self._idle.pop()
                if not connection.can_read():
                    return connection
            except IndexError:  # another thread was first
                continue
            except FAILURES:
                pass
            connection.disconnect()
        connection = self._client.connection_pool.make_connection()
        connection.connect()
        return connection

    def _connected(self, connection: Any) -> None:
        """A new connection says which server it has reached before it says anything else."""
        connection.on_connect()
        connection.send_command("INFO", "server")
        self._run = run_id(connection.read_response())

    def disconnect(self) -> None:
        """Of idle connections; the next command makes one."""
        while self._idle:
            self._idle.pop().disconnect()

    def close(self) -> None:
        self.disconnect()
        if self._client:
            self._client.close()
