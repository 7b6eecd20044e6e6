"""The query cache under threads that write and read at once while Redis evicts: reads see what was acknowledged."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg_pool import ConnectionPool
from redis import Redis

from pytest_perfbudget.cache import QueryCache, Settings

ROWS, OWNERS, MOVES, WRITERS, READERS = 60, 7, 150, 2, 4
BY_OWNER = "SELECT id, version FROM items WHERE owner = %s"
BY_ID = "SELECT owner, version FROM items WHERE id = %s"


@pytest.fixture
def pool(dsn: str, redis_url: str) -> Iterator[ConnectionPool]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE items (id int PRIMARY KEY, owner int, version int)")
        connection.execute(f"INSERT INTO items SELECT n, n % {OWNERS}, 0 FROM generate_series(0, {ROWS - 1}) n")
    with ConnectionPool(dsn, min_size=1, max_size=1) as other:
        migration = QueryCache(redis_url, other)
        migration.install()
        migration.key("items", "owner", "id")
        migration.close()
    with ConnectionPool(dsn, min_size=8, max_size=8) as pool:
        yield pool


class Rows:
    """What was begun and what was acknowledged of each row: its owner and version."""

    def __init__(self) -> None:
        self.begun = [0] * ROWS
        self.acknowledged = [(row % OWNERS, 0) for row in range(ROWS)]
        self.stale: list[Any] = []
        self.reads = 0

    def move(self, cache: QueryCache, row: int, owner: int) -> None:
        """By the one writer this row has."""
        self.begun[row] += 1
        with cache.connection() as connection:
            connection.execute("UPDATE items SET owner = %s, version = version + 1 WHERE id = %s", (owner, row))
        self.acknowledged[row] = (owner, self.begun[row])

    def look(self, cache: QueryCache, owner: int, row: int) -> None:
        before = list(self.acknowledged)
        found: dict[int, int] = dict(cache.fetch(BY_OWNER, (owner,)))
        begun = list(self.begun)
        for one, (where, version) in enumerate(before):
            settled = begun[one] == version  # nobody has begun to move it since
            if found.get(one, version) < version or (settled and (one in found) != (where == owner)):
                self.stale.append((owner, one, version, found.get(one)))
        known = self.acknowledged[row]
        ((_, version),) = cache.fetch(BY_ID, (row,))
        if version < known[1]:
            self.stale.append((row, known, version))
        self.reads += 2


def test_threads_that_move_rows_between_keys(pool: ConnectionPool, redis_url: str) -> None:
    caches = [QueryCache(redis_url, pool, Settings(licence=0.2), timeout=5) for _ in range(2)]
    rows, done = Rows(), threading.Event()

    def write(number: int) -> None:
        draw = random.Random(number)
        for _ in range(MOVES):
            while rows.reads < 6 * sum(rows.begun) and not rows.stale:  # however fast the machine is
                time.sleep(0.001)
            row = draw.randrange(ROWS // WRITERS) * WRITERS + number
            rows.move(caches[number % 2], row, draw.randrange(OWNERS))

    def read(number: int) -> None:
        draw = random.Random(100 + number)
        while not done.is_set():
            try:
                rows.look(caches[number % 2], draw.randrange(OWNERS), draw.randrange(ROWS))
            except Exception as error:
                rows.stale.append(error)

    def evict() -> None:
        with Redis.from_url(redis_url) as client:
            evicted = 0
            while not done.wait(0.001):
                if rows.reads > 20 * evicted and (key := client.randomkey()) is not None:
                    client.delete(key)
                    evicted += 1

    writers = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
    others = [threading.Thread(target=read, args=(number,)) for number in range(READERS)]
    others.append(threading.Thread(target=evict))
    for thread in (*writers, *others):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in others:
        thread.join()
    reports = [cache.report() for cache in caches]
    assert rows.stale == []
    assert sum(rows.begun) == WRITERS * MOVES
    assert sum(int(report["hits"]) for report in reports) > rows.reads / 10, (rows.reads, reports)
