from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_perfbudget.budgets.budget import Budget, Limit
from pytest_perfbudget.errors import At
from pytest_perfbudget.model import Finding, Site, Verdict
from pytest_perfbudget.model.cache import CachesUse, CacheUse, Crowd, Stale
from pytest_perfbudget.verdict.caches import check_caches

AT = At("budgets/orders.toml", 2)
HERE, THERE = Site("app.py", 7, "get"), Site("app.py", 9, "keep")
STALE = Stale("SELECT 1", "(42,)", HERE, "1 row  [(1,)]", "1 row  [(2,)]")
USE = CacheUse(
    "redis-py",
    reads=10,
    hits=8,
    turns=12,
    size=2048,
    missed=((HERE, 2),),
    turned=((HERE, 10), (THERE, 2)),
    wrote=((THERE, 2048),),
    crowd=Crowd("user:1", 3, HERE),
    lasting=(("user:1", THERE), ("user:2", None)),
)


def budget(key: str, value: float) -> Budget:
    unit = {"cache.hit_rate": "%", "cache.bytes": "B"}.get(key, "keys")
    return Budget("orders.cached", AT, limits={key: Limit(key, value, unit, str(value), AT, key.endswith("rate"))})


def found(key: str, value: float, *uses: CacheUse) -> list[Finding]:
    return check_caches(budget(key, value), CachesUse(("redis-py", "QueryCache"), uses or (USE,)))[1]


@pytest.mark.parametrize(
    ("key", "allowed", "measured", "site", "note"),
    [
        ("cache.hit_rate", 0.9, 0.8, HERE, "8 of 10 reads, most misses at app.py:7"),
        ("cache.stampede", 1, 2, HERE, "3 at once of user:1, first missed at app.py:7"),
        ("cache.round_trips", 11, 12, HERE, "most at app.py:7"),
        ("cache.bytes", 2047, 2048, THERE, "most at app.py:9"),
        ("cache.no_ttl", 1, 2, THERE, "user:1 at app.py:9"),
    ],
)
def test_what_is_exceeded_has_its_figures_its_line_and_a_way_out(
    key: str, allowed: float, measured: float, site: Site, note: str
) -> None:
    (finding,) = found(key, allowed)
    assert (finding.verdict, finding.measured, finding.allowed) == (Verdict.OVER, measured, allowed)
    assert (finding.site, finding.budget_at, finding.note) == (site, AT, note)
    assert finding.fix


@pytest.mark.parametrize(
    ("key", "allowed"),
    [
        ("cache.hit_rate", 0.8),
        ("cache.stale", 0),
        ("cache.stampede", 2),
        ("cache.round_trips", 12),
        ("cache.bytes", 2048),
        ("cache.no_ttl", 2),
    ],
)
def test_what_is_allowed_is_allowed(key: str, allowed: float) -> None:
    assert found(key, allowed) == []


@given(st.floats(0.01, 1), st.integers(0, 20), st.integers(0, 20))
def test_a_rate_counts_only_with_no_stale_answer(required: float, hits: int, stale: int) -> None:
    use = replace(USE, reads=20, hits=hits, stale=(STALE,) * stale)
    passes = hits / 20 >= required and not stale
    assert [finding.verdict for finding in found("cache.hit_rate", required, use)] == [Verdict.OVER] * (not passes)


def test_a_rate_that_suffices_is_unjudged_where_nobody_knows_what_is_stale() -> None:
    unknown = replace(USE, why_stale="nobody can tell")
    (finding,) = found("cache.hit_rate", 0.5, unknown)
    assert finding.verdict is Verdict.UNJUDGED
    assert "is 80% (8 of 10 reads), and counts only with no stale answer: nobody can tell" in finding.message
    (missed,) = found("cache.hit_rate", 0.9, unknown)
    assert missed.verdict is Verdict.OVER


def test_a_stale_answer_is_shown_whole() -> None:
    (finding,) = found("cache.stale", 0, replace(USE, stale=(STALE,), checked=5))
    assert (finding.measured, finding.note) == (1, "of 5 hits compared")
    assert finding.detail == (
        "statement  SELECT 1",
        "parameters (42,)",
        "asked at   app.py:7 (get)",
        "cached     1 row  [(1,)]",
        "current    1 row  [(2,)]",
    )


def test_what_cannot_be_known_is_unjudged() -> None:
    (stale,) = found("cache.stale", 0, replace(USE, why_stale="nobody can tell"))
    assert check_caches(budget("cache.stale", 0), CachesUse((), (replace(USE, why_stale="nobody"),)))[0] == []
    (lasting,) = found("cache.no_ttl", 9, replace(USE, why_lasting="nobody could ask"))
    assert [stale.verdict, lasting.verdict] == [Verdict.UNJUDGED] * 2


def test_a_rate_of_no_reads_fails() -> None:
    (finding,) = found("cache.hit_rate", 0.1, replace(USE, reads=0, hits=0))
    assert (finding.verdict, finding.message) == (Verdict.OVER, "the test read nothing of redis-py")


@pytest.mark.parametrize("key", ["cache.hit_rate", "cache.stale", "cache.stampede", "cache.no_ttl", "cache.bytes"])
def test_no_cache_at_all_fails_and_says_what_was_watched(key: str) -> None:
    used, findings = check_caches(budget(key, 1), CachesUse(("redis-py", "QueryCache")))
    (finding,) = findings
    assert used == []
    assert finding.verdict is Verdict.OVER
    assert "(watched: redis-py, QueryCache)" in finding.message


def test_each_cache_is_held_to_the_limit_by_itself_and_named() -> None:
    ours = replace(USE, name="QueryCache", turns=3)
    limited = budget("cache.round_trips", 5)
    used, findings = check_caches(limited, CachesUse((), (USE, ours)))
    assert [finding.note for finding in findings] == ["redis-py, most at app.py:7"]
    assert [(one.value, one.note) for one in used] == [(12, "redis-py"), (3, "QueryCache")]
