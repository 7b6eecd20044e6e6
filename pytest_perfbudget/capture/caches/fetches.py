"""The query caches of the application and of ``perf_cache``, watched at ``fetch``: what they ask Redis is their own
matter, what they answer is the test's."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import lru_cache, wraps
from typing import TYPE_CHECKING, Any

from pytest_perfbudget.capture.caches.ledger import QUERY_CACHE, Sums, lines
from pytest_perfbudget.capture.imports import forget, when_imported
from pytest_perfbudget.model.cache import CacheUse
from pytest_perfbudget.model.unwatched import UNWATCHED
from pytest_perfbudget.pool.patching import Patches
from pytest_perfbudget.sites import Site, call_site
from pytest_perfbudget.statements import Kind, kind, one_line

if TYPE_CHECKING:
    from pytest_perfbudget.cache.checks import Checker, Read

_HITS = frozenset(("hits", "shared"))
_OF_AN_ENTRY = frozenset(("kept", "overtaken", "too_large", "pending", "alone", "unreachable"))
"""Counted beside ``executed`` where the result was one that is kept, or could have been."""

_ROOMS = {"cached": "QueryCache", "cached_async": "AsyncQueryCache"}
_WIDTH = 60


class _Outcome(list[str]):
    """What became of a fetch; ``began`` is when its statement was executed."""

    def __init__(self, tick: Callable[[], int]) -> None:
        super().__init__()
        self._tick, self.began = tick, 0

    def append(self, what: str) -> None:
        if what == "executed":
            self.began = self._tick()
        super().append(what)


@dataclass(slots=True)
class _Check:
    """The checker of a cache, and what it had found before this test's body. The cache may be gone by its end."""

    checker: Checker
    own: bool
    checked: int
    stale: int


class Fetches:
    """Every ``QueryCache`` of the process. With ``checks`` a sample of the hits is compared with the database."""

    name = QUERY_CACHE

    def __init__(
        self, tick: Callable[[], int], *, checks: bool, quiet: Callable[[], AbstractContextManager[None]], root: str
    ) -> None:
        self._tick, self._checks, self._quiet, self._root = tick, checks, quiet, root
        self._sums = Sums()
        self._checkers: dict[Any, _Check] = {}
        self._patches, self._lock = Patches(), threading.Lock()
        self._waiting: list[tuple[str, Callable[[], None]]] = []

    def install(self) -> None:
        """From now on; the query cache is not imported for it."""
        for room, name in _ROOMS.items():
            module = f"pytest_perfbudget.cache.queries.{room}"
            self._waiting.append((module, lambda module=module, name=name: self._wrap(module, name)))  # type: ignore[misc]
        for module, callback in self._waiting:
            when_imported(module, callback)

    def uninstall(self) -> None:
        """Put everything back."""
        for module, callback in self._waiting:
            forget(module, callback)
        self._patches.undo()

    def use(self, wire: CacheUse) -> CacheUse:
        """What the caches answered, beside what they sent."""
        checks = list(self._checkers.values())
        stale = tuple(one for check in checks for one in check.checker.stale[check.stale :])
        whys = {self._why(check) for check in checks} - {""}
        for check in checks:
            if check.own:
                check.checker.close()
        sums = self._sums
        return replace(
            wire,
            reads=sums.reads,
            hits=sums.hits,
            missed=lines(sums.missed),
            crowd=sums.recomputed.crowd(),
            checked=sum(check.checker.checked - check.checked for check in checks),
            stale=stale,
            why_stale="; ".join(sorted(whys)),
        )

    def _why(self, check: _Check) -> str:
        checker = check.checker
        if checker.checked > check.checked:
            return ""
        if not checker.hits:
            return "no answer of an entry was compared, as there was none: read twice"
        return checker.why or f"its {checker.undecided} hits were read while others wrote"

    def _wrap(self, module: str, name: str) -> None:
        make = self._async if name.startswith("Async") else self._sync
        self._patches.wrap(getattr(sys.modules[module], name), "fetch", make)

    def _sync(self, original: Any) -> Any:
        from pytest_perfbudget.cache.queries.state import noted

        @wraps(original)
        def fetch(cache: Any, query: str, parameters: Any = None) -> Any:
            __tracebackhide__ = True
            if UNWATCHED.get():
                return original(cache, query, parameters)
            site, outcome = call_site(root=self._root), _Outcome(self._tick)
            if self._unknown(cache):
                with self._quiet(), cache._pool.connection() as connection:
                    self._know(cache, connection)
            with self._reading(cache, query, parameters, site) as read, noted(outcome):
                rows = original(cache, query, parameters)
                self._answered(read, query, parameters, site, outcome, rows)
            return rows

        return fetch

    def _async(self, original: Any) -> Any:
        from pytest_perfbudget.cache.queries.state import noted

        async def fetched(cache: Any, query: str, parameters: Any, site: Site | None) -> Any:
            __tracebackhide__ = True
            outcome = _Outcome(self._tick)
            if self._unknown(cache):
                with self._quiet():
                    async with cache._pool.connection() as connection:
                        self._know(cache, connection)
            with self._reading(cache, query, parameters, site) as read, noted(outcome):
                rows = await original(cache, query, parameters)
                self._answered(read, query, parameters, site, outcome, rows)
            return rows

        @wraps(original)
        def fetch(cache: Any, query: str, parameters: Any = None) -> Any:
            if UNWATCHED.get():
                return original(cache, query, parameters)
            return fetched(cache, query, parameters, call_site(root=self._root))

        return fetch

    def _unknown(self, cache: Any) -> bool:
        """Whether a checker for it is still to be made; what ``perf_cache`` compares itself is taken from it."""
        if not self._checks or cache in self._checkers:
            return False
        if (checker := getattr(cache, "checker", None)) is None:
            return True
        self._checkers[cache] = _Check(checker, False, checker.checked, len(checker.stale))
        return False

    def _know(self, cache: Any, connection: Any) -> None:
        from pytest_perfbudget.cache.checks import Checker, like

        with self._lock:
            if cache not in self._checkers:
                self._checkers[cache] = _Check(Checker(like(connection), self._quiet), True, 0, 0)

    def _reading(
        self, cache: Any, query: str, parameters: Any, site: Site | None
    ) -> AbstractContextManager[Read | None]:
        check = self._checkers.get(cache)
        return check.checker.reading(query, parameters, site) if check and check.own else nullcontext()

    def _answered(
        self, read: Read | None, query: str, parameters: Any, site: Site | None, outcome: _Outcome, rows: Any
    ) -> None:
        hit = not _HITS.isdisjoint(outcome)
        if read is not None:
            read.hit, read.rows = hit, rows
        if not _reads(query):
            return
        with self._lock:
            sums = self._sums
            sums.reads += 1
            sums.hits += hit
            if not hit:
                sums.missed[site] += 1
            if outcome.began and not _OF_AN_ENTRY.isdisjoint(outcome):
                sums.recomputed.ran(_entry(query, parameters), outcome.began, self._tick(), site)


@lru_cache(maxsize=1024)
def _reads(query: str) -> bool:
    return kind(query) is Kind.READ


def _entry(query: str, parameters: Any) -> bytes:
    shown = one_line(query, _WIDTH)
    return (f"{shown} {parameters!r}" if parameters else shown).encode()
