"""``pool.*``, ``plan_cache.hit_rate`` and ``replica.lag_p95``: what the test used besides statements, against its
limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from pytest_perfbudget.budgets.budget import Budget, Limit
from pytest_perfbudget.measure.others import UNHINDERED, explains, meanwhile
from pytest_perfbudget.measure.statistics import percentile, quantile_bounds
from pytest_perfbudget.model import Finding, Site, Verdict
from pytest_perfbudget.model.resources import ALONE, PlanCacheUse, PoolUse, ReplicaUse, Shared
from pytest_perfbudget.units import format_seconds
from pytest_perfbudget.verdict.bounded import over, unjudged

CONFIDENCE = 0.95
"""A percentile fails a test when its lower bound, of this confidence, is above the limit."""

TIMED = ("pool.wait_p95", "pool.connect_p95")
"""What takes longer where others have the processors. A standby is one of the others: of ``replica.lag_p95`` it is not
known what the replay itself had."""

_LINES = 10
"""Lines of leaks that are shown."""

_FIXES = {
    "pool.wait_p95": "give connections back sooner, or let the pool have more: max_size",
    "pool.connect_p95": "have connections made before they are needed: min_size, and a longer max_lifetime",
    "pool.max_busy": "pass on the connection that a request has, instead of taking another",
    "pool.queued": "give connections back sooner, or keep more of them ready: min_size, max_size",
    "pool.leaked": "give it back whatever happens: with pool.connection() as connection: …",
    "plan_cache.hit_rate": "keep connections, and the text of a statement: values belong in its parameters",
    "replica.lag_p95": "read what was just written from the primary, or write in smaller transactions",
}


def check_pools(budget: Budget, use: PoolUse, shared: Shared = ALONE) -> list[Finding]:
    """A finding for each ``pool.*`` that is exceeded or cannot be judged; one alone where no pool was used. ``shared``
    is the processors' time while the test ran."""
    limits = [limit for key, limit in budget.limits.items() if key.startswith("pool.")]
    if limits and not use.requests:
        return [_unused(limits[0], use)]
    return [_fixed(finding) for limit in limits for finding in _pool(limit, use, shared)]


def _unused(limit: Limit, use: PoolUse) -> Finding:
    watched = ", ".join(use.kinds) or "none: psycopg_pool and SQLAlchemy are not installed"
    return Finding(
        code="pool",
        verdict=Verdict.OVER,
        message=f"the test took no connection from a pool (watched: {watched})",
        budget_at=limit.at,
        fix=f"use a pool inside the test body, such as perf_pool, or take {limit.key} out",
    )


def _fixed(finding: Finding) -> Finding:
    return replace(finding, fix=_FIXES[finding.code]) if finding.verdict is Verdict.OVER else finding


def _pool(limit: Limit, use: PoolUse, shared: Shared) -> Iterator[Finding]:
    match limit.key:
        case "pool.wait_p95":
            yield from _quantile(limit, use.waits, use.slowest, "nothing was waited for", shared)
        case "pool.connect_p95":
            why = "no connection was made while the test ran, or by a creator that cannot be timed"
            yield from _quantile(limit, use.connects, None, why, shared)
        case "pool.max_busy":
            yield from _count(limit, use.max_busy, use.busiest, "reached at")
        case "pool.queued":
            yield from _count(limit, use.queued, use.slowest, "longest at")
        case "pool.leaked":
            site = next((site for site in use.leaked if site), None)
            yield from _count(limit, len(use.leaked), site, "taken at", _takers(use.leaked))


def _takers(leaked: Sequence[Site | None]) -> tuple[str, ...]:
    """``3 taken at app/orders.py:88 (recent)``, most first; nothing where one line took them all."""
    counted = Counter(f"{site} ({site.function})" if site else "a line of no file of yours" for site in leaked)
    lines = [f"{n} taken at {where}" for where, n in counted.most_common(_LINES)]
    more = len(counted) - len(lines)
    if len(counted) == 1:
        return ()
    return (*lines, f"and {more} more lines") if more else tuple(lines)


def _count(
    limit: Limit, measured: int, site: Site | None, words: str, detail: tuple[str, ...] = ()
) -> Iterator[Finding]:
    if measured > limit.value:
        yield over(limit, measured, site=site, detail=detail, note=f"{words} {site}" if site else "")


def _quantile(limit: Limit, samples: Sequence[float], site: Site | None, why: str, shared: Shared) -> Iterator[Finding]:
    if not samples:
        yield unjudged(limit, why)
        return
    measured, lower = percentile(samples, 0.95), quantile_bounds(samples, 0.95, CONFIDENCE)[0]
    if measured <= limit.value:
        return
    if lower > limit.value and explains(shared, lower, limit.value, most=UNHINDERED):
        yield unjudged(limit, f"is {format_seconds(measured)}, but {meanwhile(shared)}")
    elif lower > limit.value:
        at = f", longest at {site}" if site else ""
        yield over(limit, measured, site=site, note=f"n={len(samples)}, at least {format_seconds(lower)}{at}")
    else:
        words = f"is {format_seconds(measured)}, and {len(samples)} measurements do not prove more than {limit.text}"
        yield unjudged(limit, words)


def check_plan_cache(budget: Budget, use: PlanCacheUse) -> list[Finding]:
    """The finding of ``plan_cache.hit_rate``, if it has one."""
    limit = budget.limits.get("plan_cache.hit_rate")
    if limit is None or (use.executions and not use.unread and use.hit_rate >= limit.value):
        return []
    if use.unread:
        return [unjudged(limit, f"{use.unread} connections were lost before their counters could be read")]
    if not use.executions:
        return [_unprepared(limit)]
    note = f"{use.reused:,} of {use.executions:,} executions reused a plan"
    return [_fixed(over(limit, use.hit_rate, note=note))]


def _unprepared(limit: Limit) -> Finding:
    return Finding(
        code=limit.key,
        verdict=Verdict.OVER,
        message="the test executed no prepared statement",
        budget_at=limit.at,
        fix="psycopg prepares a statement at its sixth execution on a connection (prepare_threshold = 5): execute it "
        "more often, lower prepare_threshold, or prepare=True",
    )


def check_replica(budget: Budget, use: ReplicaUse) -> list[Finding]:
    """The finding of ``replica.lag_p95``, if it has one."""
    limit = budget.limits.get("replica.lag_p95")
    lags = _quantile(limit, use.lags, None, "nothing was written while the test ran", ALONE) if limit else ()
    return [_fixed(finding) for finding in lags]
