"""``cache.*``: what the test did with its caches, each of them held to the limits by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from pytest_perfbudget.budgets.budget import Budget, Limit
from pytest_perfbudget.model import Finding, Site, Verdict
from pytest_perfbudget.model.cache import CachesUse, CacheUse, Lines
from pytest_perfbudget.model.resources import Used
from pytest_perfbudget.units import format_measure
from pytest_perfbudget.verdict.bounded import over, unjudged

_LINES = 10
"""Lines of the user that are shown."""
_STALE = 3
"""Stale answers that are shown."""

Judge = Callable[[Limit, CacheUse], Iterator[Finding]]


def check_caches(budget: Budget, use: CachesUse) -> tuple[list[Used], list[Finding]]:
    """The figures of each cache that the budget speaks of, and a finding for each that is exceeded or cannot be judged;
    one finding alone where none was used."""
    limits = [limit for key, limit in budget.limits.items() if key.startswith("cache.")]
    if limits and not use.caches:
        return [], [_unused(limits[0], use)]
    pairs = [(limit, cache) for limit in limits for cache in use.caches]
    return [_used(limit, cache) for limit, cache in pairs if not _unknown(limit, cache)], [
        replace(finding, note=_named(finding.note, cache, use))
        for limit, cache in pairs
        for finding in _JUDGES[limit.key](limit, cache)
    ]


def _unused(limit: Limit, use: CachesUse) -> Finding:
    return Finding(
        code="cache",
        verdict=Verdict.OVER,
        message=f"the test sent no command to Redis and asked no query cache (watched: {', '.join(use.kinds)})",
        budget_at=limit.at,
        fix=f"use a cache inside the test body, perf_cache or the application's on perf_redis, or take {limit.key} out",
    )


def _unknown(limit: Limit, cache: CacheUse) -> bool:
    """Whether there is no figure at all."""
    return limit.key == "cache.stale" and bool(cache.why_stale)


def _named(note: str, cache: CacheUse, use: CachesUse) -> str:
    """Which cache it is about, where there are several."""
    return ", ".join(filter(None, [cache.name if len(use.caches) > 1 else "", note]))


def _used(limit: Limit, cache: CacheUse) -> Used:
    value, note = _FIGURES[limit.key](cache)
    return Used(limit.key, value, limit.unit, f"{cache.name}: {note}" if note else cache.name)


_FIGURES: dict[str, Callable[[CacheUse], tuple[float, str]]] = {
    "cache.hit_rate": lambda cache: (cache.hit_rate, f"{cache.hits:,} of {cache.reads:,} reads"),
    "cache.stale": lambda cache: (len(cache.stale), f"{cache.checked:,} hits compared"),
    "cache.stampede": lambda cache: (_beside(cache), cache.crowd.entry),
    "cache.round_trips": lambda cache: (cache.turns, ""),
    "cache.bytes": lambda cache: (cache.size, ""),
    "cache.no_ttl": lambda cache: (len(cache.lasting), cache.why_lasting),
}


def _hit_rate(limit: Limit, cache: CacheUse) -> Iterator[Finding]:
    """A rate counts only where no answer was stale."""
    of, rate = f"{cache.hits:,} of {cache.reads:,} reads", format_measure(cache.hit_rate, "%")
    if not cache.reads:
        words = f"the test read nothing of {cache.name}"
        yield Finding(limit.key, Verdict.OVER, words, budget_at=limit.at, fix=f"read, or take {limit.key} out")
    elif cache.hit_rate < limit.value:
        detail = _table(cache.missed, "{} missed at")
        note = f"{of}{_at(cache.missed, ', most misses at')}"
        found = over(limit, cache.hit_rate, site=_first(cache.missed), detail=detail, note=note)
        yield replace(found, fix="warm what is read first, keep entries longer, or change fewer of them")
    elif cache.stale:
        wrong = f"{len(cache.stale):,} answers were" if len(cache.stale) > 1 else "an answer was"
        words = f"is {rate} ({of}), and {wrong} stale: a rate counts only with none"
        yield Finding(limit.key, Verdict.OVER, words, budget_at=limit.at, fix=_FRESH)
    elif cache.why_stale:
        yield unjudged(limit, f"is {rate} ({of}), and counts only with no stale answer: {cache.why_stale}")


def _stale(limit: Limit, cache: CacheUse) -> Iterator[Finding]:
    if len(cache.stale) > limit.value:
        shown = [line for one in cache.stale[:_STALE] for line in (*one.lines(), "")][:-1]
        note = f"of {cache.checked:,} hits compared"
        found = over(limit, len(cache.stale), site=cache.stale[0].site, detail=tuple(shown), note=note)
        yield replace(found, fix=_FRESH)
    elif cache.why_stale:
        yield unjudged(limit, f"{cache.name}: {cache.why_stale}")


def _stampede(limit: Limit, cache: CacheUse) -> Iterator[Finding]:
    if (measured := _beside(cache)) > limit.value:
        crowd = cache.crowd
        where = f", first missed at {crowd.site}" if crowd.site else ""
        found = over(limit, measured, site=crowd.site, note=f"{crowd.n:,} at once of {crowd.entry}{where}")
        yield replace(found, fix=_ONE)


def _round_trips(limit: Limit, cache: CacheUse) -> Iterator[Finding]:
    if cache.turns > limit.value:
        detail = _table(cache.turned, "{} at")
        found = over(limit, cache.turns, site=_first(cache.turned), detail=detail, note=_at(cache.turned, "most at"))
        yield replace(found, fix="send together what is not asked for one by one: MGET, or a pipeline")


def _bytes(limit: Limit, cache: CacheUse) -> Iterator[Finding]:
    if cache.size > limit.value:
        detail = _table(cache.wrote, "{} bytes at")
        found = over(limit, cache.size, site=_first(cache.wrote), detail=detail, note=_at(cache.wrote, "most at"))
        yield replace(found, fix="keep what is read of it and no more, or compress it")


def _no_ttl(limit: Limit, cache: CacheUse) -> Iterator[Finding]:
    if len(cache.lasting) > limit.value:
        key, site = cache.lasting[0]
        shown = [f"{key} written at {_place(site)}" for key, site in cache.lasting[:_LINES]]
        more = len(cache.lasting) - _LINES
        detail = (*shown, f"and {more} more") if more > 0 else tuple(shown) if len(shown) > 1 else ()
        note = f"{key} at {site}" if site else key
        found = over(limit, len(cache.lasting), site=site, detail=detail, note=note)
        yield replace(found, fix="write it with an expiry: set(key, value, ex=3600), or expire() in the same pipeline")
    elif cache.why_lasting:
        yield unjudged(limit, cache.why_lasting)


_FRESH = "write through cache.connection(); what others write to tables of cache.cover() is seen within licence (0.5 s)"
_ONE = (
    "let one recompute while the others wait for its entry: redis-py's lock(), SET … NX, or QueryCache, which does so\n"
    "or refresh an entry before it expires"
)

_JUDGES: dict[str, Judge] = {
    "cache.hit_rate": _hit_rate,
    "cache.stale": _stale,
    "cache.stampede": _stampede,
    "cache.round_trips": _round_trips,
    "cache.bytes": _bytes,
    "cache.no_ttl": _no_ttl,
}


def _beside(cache: CacheUse) -> int:
    """Recomputations of one entry that ran beside the first."""
    return max(cache.crowd.n - 1, 0)


def _first(lines: Lines) -> Site | None:
    return next((site for site, _ in lines if site), None)


def _at(lines: Lines, words: str) -> str:
    site = _first(lines)
    return f"{words} {site}" if site else ""


def _table(lines: Lines, words: str) -> tuple[str, ...]:
    """``3 missed at app/orders.py:88 (recent)``, most first; nothing where one line did it all."""
    if len(lines) < 2:
        return ()
    shown = [f"{words.format(f'{n:,}')} {_place(site)}" for site, n in lines[:_LINES]]
    return (*shown, f"and {len(lines) - _LINES} more lines") if len(lines) > _LINES else tuple(shown)


def _place(site: Site | None) -> str:
    return f"{site} ({site.function})" if site else "a line of no file of yours"
