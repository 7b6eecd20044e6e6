"""What invalidation by tags and by deletion does under the schedules of the query cache's model.

    python tests/campaigns/cache_contrast.py --reads 5000

cashews (``set`` with tags, ``delete_tags``) and dogpile.cache (``get``, ``set``, ``delete``) are given what an
application seldom has: the exact tables of each read and of each commit. A reader looks, executes, keeps; a writer
commits, then deletes. Their stale reads are counted, beside those of the query cache on the same seeds: once where
Redis always answers and nobody dies (``calm``), once with all that the model does.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import cache_model
from cashews import Cache
from cashews.backends.redis import Redis
from cashews.picklers import PicklerType
from cashews.wrapper.backend_settings import register_backend
from dogpile.cache import make_region
from dogpile.cache.api import NO_VALUE

from pytest_perfbudget.cache.queries import questions
from pytest_perfbudget.cache.queries.steps import Sql, Unreachable

_LIFE = 3600


class Cashews:
    """Entries tagged with their tables."""

    def __init__(self, url: str) -> None:
        register_backend("unix", Redis, pass_uri=True, pickler=PicklerType.DEFAULT)  # its own know of TCP only
        self._loop = asyncio.new_event_loop()
        self._cache = Cache()
        self._cache.setup(url, suppress=False)

    def _run(self, what: Any) -> Any:
        return self._loop.run_until_complete(what)

    def get(self, key: str) -> Any:
        return self._run(self._cache.get(key))

    def set(self, key: str, value: Any, tables: Iterable[str]) -> None:
        self._run(self._cache.set(key, value, expire=_LIFE, tags=sorted(tables)))

    def forget(self, tables: Iterable[str]) -> None:
        self._run(self._cache.delete_tags(*sorted(tables)))

    def clear(self) -> None:
        self._run(self._cache.clear())

    def close(self) -> None:
        self._run(self._cache.close())
        self._loop.close()


class Dogpile:
    """A region; who deletes knows the keys of each table."""

    def __init__(self, url: str) -> None:
        self._region = make_region().configure("dogpile.cache.redis", expiration_time=_LIFE, arguments={"url": url})
        self._keys: dict[str, set[str]] = {}

    def get(self, key: str) -> Any:
        found = self._region.get(key)
        return None if found is NO_VALUE else found

    def set(self, key: str, value: Any, tables: Iterable[str]) -> None:
        for table in tables:
            self._keys.setdefault(table, set()).add(key)
        self._region.set(key, value)

    def forget(self, tables: Iterable[str]) -> None:
        for key in sorted(set().union(*(self._keys.get(table, ()) for table in tables))):
            self._region.delete(key)

    def clear(self) -> None:
        """The model has flushed Redis."""

    def close(self) -> None:
        self._region.backend.reader_client.close()


class Theirs:
    """A library's reads and commits, one step at a time."""

    lenient = True

    def __init__(self, library: Cashews | Dogpile, on: cache_model.Servers) -> None:
        self._library, self._on = library, on
        self._read = [self._tables(read) for read in cache_model.READS]
        self._all = set().union(*self._read)

    def _tables(self, read: Any) -> set[str]:
        """What it locks; a block with EXCEPTION, as in names(), lets go of its locks."""
        with self._on.truth.transaction():
            self._on.truth.execute(*((read,) if isinstance(read, str) else read))
            held = self._on.truth.execute(
                "SELECT relname FROM pg_locks JOIN pg_class c ON c.oid = relation AND relkind IN ('r', 'p')"
                " WHERE pid = pg_backend_pid() AND locktype = 'relation' AND relation >= 16384"
            ).fetchall()
        return {name for (name,) in held} | ({"items"} if "names()" in read else set())

    def read(self, _: cache_model.Actor, number: int) -> Any:
        key = f"read:{number}"
        try:
            found = yield lambda: self._library.get(key)
        except Unreachable:
            found = None
        if found is not None:
            return True, found
        read = cache_model.READS[number]
        result = yield Sql(read) if isinstance(read, str) else Sql(*read)
        rows = cache_model.entries.rows_of_result(result, None)
        with contextlib.suppress(Unreachable):
            yield lambda: self._library.set(key, rows, self._read[number])
        return False, rows

    def commit(self, _: cache_model.Actor) -> Any:
        yield Sql("SET CONSTRAINTS ALL IMMEDIATE")
        written = questions.value((yield Sql(questions.WRITTEN)))
        names = self._on.truth.execute(
            "SELECT relname FROM pg_class WHERE oid = ANY(%s)", (written["relations"],)
        ).fetchall()
        tables = self._all if written["schema"] else {name for (name,) in names}
        yield Sql("COMMIT")
        with contextlib.suppress(Unreachable):
            yield lambda: self._library.forget(tables)

    def paced(self, steps: int) -> int:
        """A read takes 3 steps, a commit 4: they stop between any two of them as often as ours do."""
        return steps if steps >= 25 else steps % 4

    def cleared(self) -> None:
        self._library.clear()


@contextlib.contextmanager
def protocols(name: str, on: cache_model.Servers) -> Iterator[Any]:
    """Of ``ours``, ``cashews`` or ``dogpile``."""
    if name == "ours":
        yield cache_model.Ours()
        return
    library = {"cashews": Cashews, "dogpile": Dogpile}[name](on.url)
    yield Theirs(library, on)
    library.close()


def measure(name: str, calm: bool, reads: int, seeds: Iterable[int]) -> dict[str, int]:
    """The tally after that many reads."""
    with cache_model.servers() as on, protocols(name, on) as on.protocols:
        on.calm = calm
        for seed in seeds:
            cache_model.explore(10, 60, seed=seed)
            if on.tally.get("hits", 0) + on.tally.get("executed", 0) >= reads:
                break
        return {"steps": on.steps, "stale": 0, **on.tally}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reads", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    stale = {}
    for calm in (True, False):
        for name in ("ours", "cashews", "dogpile"):
            tally = measure(name, calm, options.reads, itertools.count(options.seed))
            stale[name] = stale.get(name, 0) + tally["stale"]
            reads = tally["hits"] + tally["executed"]
            how = "calm" if calm else "with faults"
            print(
                f"{name:>8} {how:<12} {tally['steps']:>8} steps, {reads} reads, {tally['hits']} hits,"
                f" {tally['stale']} stale",
                flush=True,
            )
    return 0 if not stale["ours"] else 1


if __name__ == "__main__":
    sys.exit(main())
