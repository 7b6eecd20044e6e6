"""The query cache where Redis dies, comes back, is slow, or where what it says is cut or garbled on the way."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from psycopg_pool import AsyncConnectionPool, ConnectionPool
from redis import Redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from pytest_perfbudget.cache import AsyncQueryCache, QueryCache, Settings, embedded

ALL = "SELECT id, name FROM items ORDER BY id"


@pytest.fixture
def pool(items: str) -> Iterator[ConnectionPool]:
    with ConnectionPool(items, min_size=1, max_size=4) as pool:
        yield pool


class Proxy:
    """Between a client and Redis; ``spoil`` is what it does to each answer, ``delay`` how many seconds it keeps it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._listening.getsockname()[1]}/0"
        self.spoil: Any = None
        self.delay = 0.0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
                server = socket.create_connection(("127.0.0.1", self._port))
            except OSError:
                return
            threading.Thread(target=self._pass, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._pass, args=(server, client, True), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, answers: bool) -> None:
        try:
            while data := source.recv(1 << 20):
                if answers and self.delay:
                    time.sleep(self.delay)
                spoilt = self.spoil(data) if answers and self.spoil else data
                target.sendall(spoilt)
                if len(spoilt) < len(data):
                    break
        except OSError:
            pass
        finally:
            for side in (source, target):
                side.close()

    def close(self) -> None:
        self._listening.close()


class Valkey:
    """A program of our own, to be killed and started anew at the same port."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._folder = folder
        self.start()

    def start(self) -> None:
        program = embedded._program()
        assert program
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder), "--save", ""]
        self._process = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL)
        with Redis(port=self.port, retry=Retry(ConstantBackoff(0.05), 200)) as client:
            client.ping()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    server = Valkey(tmp_path)
    yield server
    server.kill()


@pytest.fixture
def proxy(valkey: Valkey) -> Iterator[Proxy]:
    between = Proxy(valkey.port)
    yield between
    between.close()


def test_a_redis_that_answers_after_two_seconds_delays_no_statement_as_long(pool: ConnectionPool, proxy: Proxy) -> None:
    cache = QueryCache(proxy.url, pool, Settings(licence=0.05), timeout=0.2, pause=60)
    cache.install()
    cache.fetch(ALL)
    assert cache.fetch(ALL) == cache.fetch(ALL)
    assert cache.report()["hits"] == 2
    proxy.delay = 2.0
    began = time.monotonic()
    for left in (50, 10):
        with cache.connection() as connection:
            connection.execute("DELETE FROM items WHERE id > %s", (left,))
        assert len(cache.fetch(ALL)) == left
    assert time.monotonic() - began < 1.5  # one timeout, and two licences
    assert cache.report()["hits"] == 2
    assert cache.report()["owed"] == 2
    assert "Timeout" in str(cache.report()["redis"])


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda data: data[:-1], id="the last byte is missing"),
        pytest.param(lambda data: data[: len(data) // 2], id="half"),
        pytest.param(lambda data: data[:1], id="one byte"),
        pytest.param(lambda data: b"", id="nothing"),
        pytest.param(lambda data: b"?" + data[1:], id="another type"),
        pytest.param(lambda data: b"*1\r\n$-1\r\n", id="fewer values"),
        pytest.param(lambda data: b"$3\r\nabc\r\n", id="another answer"),
        pytest.param(lambda data: b"-ERR something else\r\n", id="an error"),
    ],
)
def test_an_answer_that_is_cut_or_another_one_is_no_answer(pool: ConnectionPool, proxy: Proxy, spoil: Any) -> None:
    cache = QueryCache(proxy.url, pool, Settings(licence=0.2), timeout=0.2, pause=0)
    cache.install()
    cache.fetch(ALL)
    hits = len(cache.fetch(ALL)) // 100
    proxy.spoil = spoil
    assert len(cache.fetch(ALL)) == 100
    with cache.connection() as connection:
        connection.execute("DELETE FROM items WHERE id > 1")
    assert cache.fetch(ALL) == [(1, "item 1")]
    assert cache.report()["hits"] == hits
    assert cache.report()["redis"]
    proxy.spoil = None
    cache._store.disconnect()
    assert cache.fetch(ALL) == cache.fetch(ALL) == [(1, "item 1")]


@pytest.mark.parametrize("saved", [False, True], ids=["empty", "with what it had saved"])
def test_a_redis_that_is_killed_and_comes_back_holds_nothing_stale(
    pool: ConnectionPool, valkey: Valkey, saved: bool
) -> None:
    cache = QueryCache(f"redis://127.0.0.1:{valkey.port}", pool, Settings(licence=0.1), pause=0)
    cache.install()
    cache.fetch(ALL)
    assert len(cache.fetch(ALL)) == 100
    if saved:
        with Redis(port=valkey.port) as client:
            client.save()
    valkey.kill()
    with cache.connection() as connection:
        connection.execute("DELETE FROM items WHERE id > 3")
    assert len(cache.fetch(ALL)) == 3
    assert cache.report()["owed"] == 1
    assert "Connection" in str(cache.report()["redis"])
    valkey.start()
    assert [len(cache.fetch(ALL)) for _ in range(3)] == [3, 3, 3]  # the first one meets another run of Redis
    with cache.connection() as connection:
        connection.execute("DELETE FROM items WHERE id > 2")
    assert len(cache.fetch(ALL)) == len(cache.fetch(ALL)) == 2
    assert cache.report()["hits"] == 3


@pytest.mark.parametrize("spoil", [lambda data: data[:-1], lambda data: b"$3\r\nabc\r\n", lambda data: b""])
def test_the_async_cache_takes_no_other_answers_either(
    pool: ConnectionPool, dsn: str, proxy: Proxy, spoil: Any
) -> None:
    async def scenario() -> None:
        async with AsyncConnectionPool(dsn, min_size=1, open=False) as connections:
            cache = AsyncQueryCache(proxy.url, connections, Settings(licence=0.2), timeout=0.2, pause=0)
            await cache.install()
            await cache.fetch(ALL)
            assert len(await cache.fetch(ALL)) == 100
            proxy.spoil = spoil
            assert len(await cache.fetch(ALL)) == 100
            async with cache.connection() as connection:
                await connection.execute("DELETE FROM items WHERE id > 1")
            assert await cache.fetch(ALL) == [(1, "item 1")]
            assert cache.report()["hits"] == 1
            assert cache.report()["redis"]
            await cache.close()

    asyncio.run(scenario())
