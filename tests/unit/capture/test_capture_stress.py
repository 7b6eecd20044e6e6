"""Many threads and tasks at once, with the server's own log as the witness of what it was sent."""

from __future__ import annotations

import asyncio
import re
import threading
from collections import Counter
from collections.abc import Iterator

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool

from pytest_perfbudget.capture.hub import Hub
from pytest_perfbudget.model import Statement
from pytest_perfbudget.postgres.own import OwnServer
from pytest_perfbudget.postgres.server import Server

THREADS, EACH = 16, 1000
TASKS, PER_TASK = 200, 5

_EXECUTED = re.compile(r"(?:execute [^:]*|statement): [^\n]*?/\* tag (\d+) \*/")


class Witness:
    """The server's log from a moment on: how often it executed the statement with a tag."""

    def __init__(self, server: OwnServer) -> None:
        self._log = server.folder.log
        self._from = self._log.stat().st_size

    def executed(self) -> Counter[int]:
        with self._log.open(errors="replace") as log:
            log.seek(self._from)
            return Counter(int(tag) for tag in _EXECUTED.findall(log.read()))


@pytest.fixture
def witness(server: Server, dsn: str) -> Iterator[Witness]:
    assert isinstance(server, OwnServer)
    server.admin.execute("ALTER DATABASE watched SET log_statement = 'all'")
    yield Witness(server)
    server.admin.execute("ALTER DATABASE watched RESET log_statement")


def tag(statement: Statement) -> int:
    found = re.search(r"/\* tag (\d+) \*/", statement.sql)
    assert found
    return int(found[1])


def tagged(number: int) -> str:
    return f"/* tag {number} */ SELECT note FROM orders WHERE id = %s"


def own_plans(statement: Statement) -> int:
    return sum(plan["Query Text"] == statement.sql for plan in statement.plans)


def test_threads(hub: Hub, dsn: str, witness: Witness) -> None:
    """Half of them in transactions, whose plans come late. Between two tests nothing is anybody's."""

    def work(thread: int, first: int) -> None:
        with hub.case(f"thread {thread}"), psycopg.connect(dsn, autocommit=thread % 2 == 0) as connection:
            for n in range(EACH // 2):
                connection.execute(tagged(first + thread * EACH + n), (n % 200,))

    def run(first: int) -> None:
        threads = [threading.Thread(target=work, args=(n, first)) for n in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    found = []
    for first in (0, 1_000_000):
        hub.start()
        run(first)
        found.append(hub.stop())
        with psycopg.connect(dsn) as connection:
            connection.execute(tagged(9_000_000 + first), (1,))
    for first, statements in zip((0, 1_000_000), found, strict=True):
        assert {tag(s): s.case for s in statements} == {
            first + thread * EACH + n: f"thread {thread}" for thread in range(THREADS) for n in range(EACH // 2)
        }
        assert len(statements) == THREADS * EACH // 2
        assert {own_plans(s) for s in statements} == {1}
    seen = Counter(tag(s) for statements in found for s in statements)
    assert witness.executed() == seen + Counter({9_000_000: 1, 10_000_000: 1})


def test_tasks_on_one_pool(hub: Hub, dsn: str, witness: Witness) -> None:
    async def work(pool: AsyncConnectionPool, task: int) -> None:
        with hub.case(f"task {task}"):
            for n in range(PER_TASK):
                async with pool.connection() as connection:
                    await connection.execute(tagged(task * PER_TASK + n), (n,))
                    await asyncio.sleep(0)

    async def run() -> None:
        async with AsyncConnectionPool(dsn, min_size=2, max_size=8, timeout=60) as pool:
            await asyncio.gather(*(work(pool, task) for task in range(TASKS)))

    asyncio.run(run())
    statements = hub.stop()
    assert len(statements) == TASKS * PER_TASK
    assert {tag(s): s.case for s in statements} == {n: f"task {n // PER_TASK}" for n in range(TASKS * PER_TASK)}
    assert {own_plans(s) for s in statements} == {1}
    assert witness.executed() == Counter(map(tag, statements))


def test_nothing_of_the_plugins_own_is_recorded(hub: Hub, dsn: str, witness: Witness) -> None:
    """The SHOW that closes an open portal, and what is sent while muted, reach the server and no test."""
    with psycopg.connect(dsn) as connection:
        connection.execute(tagged(1), (1,))
        with hub.mute():
            connection.execute(tagged(2), (2,))
        statements = hub.stop()
    assert [tag(s) for s in statements] == [1]
    assert witness.executed() == Counter({1: 1, 2: 1})
