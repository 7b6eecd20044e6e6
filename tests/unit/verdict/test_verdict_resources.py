from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_perfbudget.budgets.budget import Budget, Limit
from pytest_perfbudget.errors import At
from pytest_perfbudget.model import Finding, Site, Verdict
from pytest_perfbudget.model.resources import PlanCacheUse, PoolUse, ReplicaUse, Shared
from pytest_perfbudget.verdict.resources import check_plan_cache, check_pools, check_replica

AT = At("budgets/orders.toml", 2)
HERE, THERE = Site("app.py", 7, "take"), Site("app.py", 9, "keep")
USE = PoolUse(("psycopg_pool",), 40, 3, 5, (0.001,) * 40, (0.003,) * 2, (), HERE, THERE)


def budget(key: str, value: float) -> Budget:
    unit = "s" if key.endswith("_p95") else "%" if key.endswith("rate") else "connections"
    return Budget("orders.pooled", AT, limits={key: Limit(key, value, unit, str(value), AT, key.endswith("rate"))})


def only(key: str, value: float, use: PoolUse = USE) -> Finding:
    (finding,) = check_pools(budget(key, value), use)
    return finding


@pytest.mark.parametrize(
    ("key", "allowed", "measured", "site"),
    [
        ("pool.max_busy", 4, 5, THERE),
        ("pool.queued", 2, 3, HERE),
        ("pool.wait_p95", 0.0005, 0.001, HERE),
        ("pool.connect_p95", 0.001, 0.003, None),
    ],
)
def test_what_is_exceeded_has_its_figures_and_its_line(
    key: str, allowed: float, measured: float, site: Site | None
) -> None:
    finding = only(key, allowed)
    assert (finding.verdict, finding.measured, finding.allowed) == (Verdict.OVER, measured, allowed)
    assert (finding.site, finding.budget_at) == (site, AT)
    assert finding.fix


@pytest.mark.parametrize(
    ("key", "allowed"),
    [
        ("pool.max_busy", 5),
        ("pool.queued", 3),
        ("pool.wait_p95", 0.001),
        ("pool.connect_p95", 0.003),
        ("pool.leaked", 0),
    ],
)
def test_what_is_allowed_is_allowed(key: str, allowed: float) -> None:
    assert check_pools(budget(key, allowed), USE) == []


def test_leaks_are_counted_by_line() -> None:
    finding = only("pool.leaked", 1, replace(USE, leaked=(HERE, THERE, THERE, None)))
    assert finding.measured == 4
    assert finding.detail == (
        "2 taken at app.py:9 (keep)",
        "1 taken at app.py:7 (take)",
        "1 taken at a line of no file of yours",
    )


def test_one_slow_wait_among_many_does_not_fail_a_test() -> None:
    waits = (0.0001,) * 19 + (0.5, 0.5)
    finding = only("pool.wait_p95", 0.01, replace(USE, waits=waits))
    assert finding.verdict is Verdict.UNJUDGED


@given(st.lists(st.floats(0, 1), min_size=1, max_size=100), st.floats(1e-6, 1))
def test_a_percentile_within_its_limit_is_never_a_finding(waits: list[float], allowed: float) -> None:
    found = check_pools(budget("pool.wait_p95", allowed), replace(USE, waits=tuple(sorted(waits))))
    above = sum(wait > allowed for wait in waits)
    if above <= 0.05 * len(waits):
        assert found == []
    if above == len(waits):
        assert [finding.verdict for finding in found] == [Verdict.OVER]


def test_nothing_measured_is_unjudged() -> None:
    assert only("pool.connect_p95", 1, replace(USE, connects=())).verdict is Verdict.UNJUDGED


def test_a_test_that_used_no_pool_fails_once() -> None:
    finding = only("pool.leaked", 0, PoolUse(("psycopg_pool",), 0, 0, 0))
    assert (finding.verdict, finding.code) == (Verdict.OVER, "pool")


def test_a_budget_that_does_not_speak_of_pools_has_no_findings() -> None:
    assert check_pools(Budget("orders.recent", AT), PoolUse((), 0, 0, 0)) == []


@pytest.mark.parametrize(
    ("use", "verdict"),
    [
        (PlanCacheUse(100, 90), None),
        (PlanCacheUse(100, 89), Verdict.OVER),
        (PlanCacheUse(0, 0), Verdict.OVER),
        (PlanCacheUse(100, 90, unread=1), Verdict.UNJUDGED),
    ],
)
def test_the_plan_cache(use: PlanCacheUse, verdict: Verdict | None) -> None:
    found = check_plan_cache(budget("plan_cache.hit_rate", 0.9), use)
    assert [finding.verdict for finding in found] == ([verdict] if verdict else [])
    assert all(finding.fix for finding in found if finding.verdict is Verdict.OVER)


@pytest.mark.parametrize(
    ("lags", "verdict"),
    [
        ((), Verdict.UNJUDGED),
        ((0.002,) * 3, None),
        ((0.02, 0.02, 0.03), Verdict.OVER),
        ((0.001,) * 9 + (0.02,), Verdict.UNJUDGED),
        ((0.001,) * 99 + (0.02,), None),
    ],
)
def test_the_lag_of_a_standby(lags: tuple[float, ...], verdict: Verdict | None) -> None:
    found = check_replica(budget("replica.lag_p95", 0.01), ReplicaUse(lags))
    assert [finding.verdict for finding in found] == ([verdict] if verdict else [])
    assert [bool(finding.fix) for finding in found] == [verdict is Verdict.OVER] * len(found)
    assert check_replica(budget("pool.queued", 1), ReplicaUse(lags)) == []


@pytest.mark.parametrize(("key", "allowed"), [("pool.wait_p95", 0.0005), ("pool.connect_p95", 0.0015)])
def test_what_others_on_the_machine_explain_is_not_over(key: str, allowed: float) -> None:
    use = replace(USE, connects=(0.003,) * 40)

    def found(shared: Shared, limit: float = allowed) -> Finding:
        (finding,) = check_pools(budget(key, limit), use, shared)
        return finding

    few, many, all_of_it = Shared(2.0, 0.2, 4.0), Shared(2.0, 1.0, 4.0), Shared(2.0, 2.0, 4.0)
    assert found(few).verdict is Verdict.OVER
    assert found(many).verdict is Verdict.UNJUDGED
    assert "others had 25" in found(many).message
    assert found(all_of_it, allowed / 2).verdict is Verdict.OVER  # three times at most
    assert found(Shared(0.0003, 0.0002, 4.0)).verdict is Verdict.OVER  # which is less than was waited
