"""The pool on a real server. Nothing here depends on how long something takes, only on what follows upon what."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from weakref import ref

import psycopg
import pytest
from psycopg_pool import ConnectionPool, PoolTimeout

from pytest_perfbudget.errors import PoolError
from pytest_perfbudget.pool import AdaptivePool, AsyncAdaptivePool, Policy

BACKENDS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
QUICK = Policy(interval=0.02, cool_down=0.4)


def until(what: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def size(pool: AdaptivePool | AsyncAdaptivePool | ConnectionPool) -> int:
    return pool.get_stats()["pool_size"]


class Clients:
    """Threads that use a pool until told to stop."""

    def __init__(self, pool: AdaptivePool, number: int, sql: str = "SELECT pg_sleep(0.02)") -> None:
        self._pool, self._sql, self._stop = pool, sql, threading.Event()
        self._threads = [threading.Thread(target=self._work) for _ in range(number)]
        for thread in self._threads:
            thread.start()

    def _work(self) -> None:
        while not self._stop.is_set():
            with self._pool.connection() as connection:
                connection.execute(self._sql)

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


@pytest.mark.parametrize("threads", [1, 4, 16, 64])
def test_as_many_connections_as_threads_and_none_above_the_maximum(dsn: str, threads: int) -> None:
    seen = set()
    options = {"kwargs": {"autocommit": True}}
    with AdaptivePool(dsn, min_size=1, max_size=32, policy=QUICK, **options) as pool:
        clients = Clients(pool, threads)
        try:
            until(lambda: seen.add(size(pool)) or size(pool) == min(threads, 32))
        finally:
            clients.stop()
        assert max(seen) <= 32
        until(lambda: size(pool) == 1)
        with pool.connection() as connection:
            until(lambda: connection.execute(BACKENDS).fetchone() == (1,))  # a backend ends after its connection


def test_the_pool_rests_when_nobody_uses_it_and_wakes(dsn: str) -> None:
    with AdaptivePool(dsn, min_size=1, max_size=8, policy=QUICK) as pool:
        for _ in range(2):
            clients = Clients(pool, 6)
            until(lambda: size(pool) >= 4)
            clients.stop()
            until(lambda: size(pool) == 1 and not pool._wake.is_set())


def test_requests_that_wait_for_held_connections_are_served_without_another_request(dsn: str) -> None:
    """psycopg_pool makes a connection when a request queues: those that wait already must not wait for one more."""
    with AdaptivePool(dsn, min_size=1, max_size=4, policy=QUICK) as pool:
        first, served = pool.getconn(), []

        def take() -> None:
            served.append(pool.getconn(timeout=20))

        waiting = [threading.Thread(target=take) for _ in range(3)]
        for thread in waiting:
            thread.start()
        for thread in waiting:
            thread.join()
        assert len(served) == 3
        for connection in [first, *served]:
            pool.putconn(connection)


def test_resizing_makes_only_the_connections_that_are_missing(dsn: str) -> None:
    with AdaptivePool(dsn, min_size=2, max_size=12, policy=Policy(interval=0.02)) as pool:
        clients = Clients(pool, 12)
        until(lambda: size(pool) == 12)
        pool.resize(8, 12)
        assert size(pool) == 12
        clients.stop()
        assert (pool.min_size, pool.maximum) == (8, 12)


def test_connections_above_a_lower_maximum_are_closed_as_they_come_back(dsn: str) -> None:
    """None is idle while the load lasts: a trial of more connections would have no end."""
    with AdaptivePool(dsn, min_size=1, max_size=6, policy=Policy(interval=60, cool_down=600)) as pool:
        taken = [pool.getconn()]
        for allowed in range(2, 7):
            ConnectionPool.resize(pool, 1, allowed)
            taken.append(pool.getconn())
        ConnectionPool.resize(pool, 1, 2)
        for connection in taken:
            pool.putconn(connection)
        assert [connection.closed for connection in taken] == [True] * 4 + [False] * 2
        assert (size(pool), pool.get_stats()["pool_available"], pool.taken()) == (2, 2, ())


def test_psycopg_pool_itself_still_makes_too_many() -> None:
    """The reason for our own resize: when this fails, the guard can go."""
    pool = ConnectionPool("host=/nowhere", min_size=2, max_size=12, open=False)
    pool._nconns, pool._tasks = 12, pool._waiting  # type: ignore[assignment]
    pool.run_task = lambda task: None  # type: ignore[method-assign]
    pool.resize(8, 12)
    assert pool.get_stats()["pool_size"] == 18


def test_a_raised_minimum_is_filled(dsn: str) -> None:
    with AdaptivePool(dsn, min_size=1, max_size=4, policy=QUICK) as pool:
        pool.resize(3, 4)
        until(lambda: pool.get_stats()["pool_available"] == 3)


def test_connections_in_use_name_the_line_that_took_them(dsn: str) -> None:
    with AdaptivePool(dsn, policy=QUICK) as pool:
        line = sys._getframe().f_lineno + 1
        connection = pool.getconn()
        (taken,) = pool.taken()
        assert taken.site is not None
        assert (taken.site.file.rpartition("/")[2], taken.site.line) == ("test_pool_adaptive.py", line)
        pool.putconn(connection)
        assert pool.taken() == ()


def test_a_connection_taken_without_a_context_names_its_line_too(dsn: str) -> None:
    def through_a_function(pool: AdaptivePool) -> psycopg.Connection:
        return pool.getconn()

    with AdaptivePool(dsn, policy=QUICK) as pool, ExitStack() as stack:
        stack.enter_context(pool.connection())
        line = sys._getframe().f_lineno - 1
        other = through_a_function(pool)
        lines = [taken.site.line for taken in pool.taken() if taken.site]
        assert lines == [line, through_a_function.__code__.co_firstlineno + 1]
        pool.putconn(other)


def test_a_request_that_times_out_is_on_the_account(dsn: str) -> None:
    with AdaptivePool(dsn, min_size=1, max_size=1, policy=Policy(interval=60, cool_down=600)) as pool:
        pool.wait()
        with pool.connection(), pytest.raises(PoolTimeout):
            pool.getconn(timeout=0.01)
        pool._window()
        assert pool.load is not None
        assert (pool.load.requests, pool.load.failed, pool.load.queued) == (2, 1, 1)


def test_a_pool_that_is_let_go_takes_its_thread_along(dsn: str) -> None:
    pool = AdaptivePool(dsn, policy=QUICK, name="forgotten", open=True)
    pool.wait()
    gone = ref(pool)
    del pool
    gc.collect()
    assert gone() is None
    until(lambda: not any(thread.name == "forgotten-size" for thread in threading.enumerate()))


def test_a_connection_is_returned_before_the_next_request_can_take_it(dsn: str) -> None:
    with AdaptivePool(dsn, min_size=1, max_size=1, policy=Policy(interval=60, cool_down=600)) as pool:
        clients = Clients(pool, 8, "SELECT 1")
        time.sleep(0.3)
        clients.stop()
        account = pool._governor.ledger.cut()
    assert (account.max_busy, account.out) == (1, ())
    assert account.requests == account.returned > 0


def test_async_sizes_and_shrinks(dsn: str) -> None:
    async def client(pool: AsyncAdaptivePool, stop: asyncio.Event) -> None:
        while not stop.is_set():
            async with pool.connection() as connection:
                await connection.execute("SELECT pg_sleep(0.005)")

    async def until_async(what: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not what():
                await asyncio.sleep(0.01)

    async def main() -> None:
        async with AsyncAdaptivePool(dsn, min_size=1, max_size=12, policy=QUICK) as pool:
            stop = asyncio.Event()
            tasks = [asyncio.create_task(client(pool, stop)) for _ in range(16)]
            await until_async(lambda: size(pool) == 12)
            stop.set()
            await asyncio.gather(*tasks)
            await until_async(lambda: size(pool) == 1)
            taken = [await pool.getconn()]
            await pool.resize(2, 2)
            taken.append(await pool.getconn())
            await pool.resize(1, 1)
            for connection in taken:
                await pool.putconn(connection)
            assert ([connection.closed for connection in taken], size(pool)) == ([True, False], 1)
            await pool.resize(3, 6)
            await until_async(lambda: pool.get_stats()["pool_available"] == 3)
            line = sys._getframe().f_lineno + 1
            async with pool.connection():
                (taken,) = pool.taken()
            assert taken.site is not None
            assert taken.site.line == line
        assert not [task for task in asyncio.all_tasks() if "_tend" in repr(task)]

    asyncio.run(main())


def test_an_async_pool_in_another_loop_is_refused_at_once(dsn: str) -> None:
    pool = AsyncAdaptivePool(dsn, policy=QUICK)
    opener = asyncio.new_event_loop()
    try:
        opener.run_until_complete(pool.open(wait=True))
        with pytest.raises(PoolError, match="another event loop"):
            asyncio.run(pool.getconn())
        opener.run_until_complete(pool.close())
    finally:
        opener.close()


def test_an_async_pool_is_not_opened_outside_a_loop(dsn: str) -> None:
    with pytest.raises(PoolError, match="event loop"):
        AsyncAdaptivePool(dsn, open=True)


def test_production_imports_nothing_of_the_plugin() -> None:
    code = (
        "import sys; from pytest_perfbudget.pool import AdaptivePool, AsyncAdaptivePool, pipelined, routed; "
        "print(*(name for name in sys.modules if name.split('.')[0] in "
        "('pytest', '_pytest', 'pluggy', 'msgspec', 'tabulate', 'pgparse', 'pytest_perfbudget')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    rooms = {name.split(".")[1] for name in done.stdout.split() if "." in name}
    assert {name.split(".")[0] for name in done.stdout.split()} == {"pytest_perfbudget"}
    assert rooms == {"pool", "sites", "errors"}


def test_without_psycopg_pool_the_error_says_what_to_install() -> None:
    code = "import sys; sys.modules['psycopg_pool'] = None; from pytest_perfbudget.pool import AdaptivePool"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "pip install 'pytest-perfbudget[pool]'" in done.stderr


def test_an_ordinary_connection_is_not_the_pool_s(dsn: str) -> None:
    with AdaptivePool(dsn, policy=QUICK) as pool, psycopg.connect(dsn) as connection, pytest.raises(ValueError):
        pool.putconn(connection)


def test_a_window_that_fails_is_logged_and_the_next_is_tried(
    dsn: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with AdaptivePool(dsn, policy=QUICK, name="shop") as pool:
        windows = []

        def window() -> bool:
            windows.append(1)
            raise RuntimeError("broken")

        monkeypatch.setattr(pool, "_window", window)
        with pool.connection():
            until(lambda: len(windows) > 1)
    assert "pool 'shop' keeps its size for now" in caplog.text


def test_without_a_maximum_it_keeps_its_size_as_psycopg_pool_does(dsn: str) -> None:
    with AdaptivePool(dsn, min_size=2, max_size=None, policy=QUICK) as pool:
        assert (pool.maximum, pool.max_size) == (2, 2)
        with pool.connection(), pool.connection():
            until(lambda: pool.load is not None)
        assert size(pool) == 2
    assert AsyncAdaptivePool(dsn, min_size=3, max_size=None).maximum == 3


def test_opened_by_two_threads_at_once_it_has_one_that_sizes_it(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    original, others = ConnectionPool.open, []

    def opened_meanwhile(pool: AdaptivePool, wait: bool = False, timeout: float = 30.0) -> None:
        if not others:
            others.append(threading.Thread(target=pool.open))
            others[0].start()
            others[0].join()
        original(pool, wait=wait, timeout=timeout)

    monkeypatch.setattr(ConnectionPool, "open", opened_meanwhile)
    with AdaptivePool(dsn, name="twice"):
        assert [thread.name for thread in threading.enumerate()].count("twice-size") == 1
