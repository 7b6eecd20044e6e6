"""Which sizes are run, what is said where one cannot be, and where it is looked at more closely."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_perfbudget.baselines.record import PlanRecord, QueryRecord
from pytest_perfbudget.budgets.inline import inline
from pytest_perfbudget.errors import At, SeedError
from pytest_perfbudget.model import Environment, QueryEvidence, Statement, TestEvidence, Verdict, Work
from pytest_perfbudget.postgres.seed import Seed
from pytest_perfbudget.session.against import child
from pytest_perfbudget.session.against.child import NoReferenceError, OutOfTimeError
from pytest_perfbudget.session.against.invocation import Invocation
from pytest_perfbudget.session.against.parcel import Given, GivenQuery, GivenTest, Order
from pytest_perfbudget.session.growth import scales as scales_module
from pytest_perfbudget.session.growth.measure import measure_growth
from pytest_perfbudget.session.growth.scales import Scales
from pytest_perfbudget.session.options import Options

TEST = "test_shop.py::test_recent"
ID = "a" * 12
ENVIRONMENT = Environment("18.0", 18, "deterministic", "embedded", "C.UTF-8", 8192, jit=False)
QUERY = QueryEvidence(ID, "SELECT 1", None, 1, (), (), Work(buffers=4), 1.0, executions=(Statement("SELECT 1"),))
EVIDENCE = TestEvidence(TEST, "orders.recent", (QUERY,), {}, ENVIRONMENT)

Law = Callable[[int], tuple[float, str]]
"""Rows → blocks and plan."""


class Knowing:
    """A step that takes a scale."""

    name, note, takes_scale = "rows", "", True

    def contents(self) -> bytes:
        return b""

    def run(self, target: Any) -> None:
        raise AssertionError


def given(order: Order, law: Law, **values: Any) -> Given:
    blocks, plan = law(order.scale)
    shown = PlanRecord(plan, 1, 1, (f"{plan} on orders",))
    record = QueryRecord(ID, "SELECT 1", (shown,), 1.0, work=Work(buffers=round(blocks)))
    query = GivenQuery(record, Statement("SELECT 1"), False, reads=("orders",))
    rows = {"orders": order.scale, "public.orders": order.scale}
    return Given({TEST: GivenTest("orders.recent", (query,))}, "hash", None, (), rows, **values)


class World:
    """Runs of pytest that are made up; ``ran`` are their scales."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ran: list[int] = []
        self.law: Law = lambda n: (4, "index")
        self.broken: dict[int, Given | NoReferenceError] = {}
        self.clock = self.left = 0.0
        (tmp_path / "test_shop.py").touch()
        invocation = Invocation((), (), tmp_path, None, tmp_path, (), ())
        self.place = SimpleNamespace(
            seed=Seed((Knowing(),)), progress=self.progress, facts=SimpleNamespace(rows={"a": 500, "public.a": 500})
        )
        self.options = Options(tmp_path, "r" * 32)
        self.scales = Scales(self.place, self.options, invocation, lambda: {TEST: "call"})  # type: ignore[arg-type]
        monkeypatch.setattr(child, "run", self.run)
        monkeypatch.setattr(scales_module, "time", SimpleNamespace(monotonic=lambda: self.clock))

    @contextmanager
    def progress(self, what: str) -> Any:
        yield

    def run(self, *arguments: Any) -> Given:
        order, self.left = arguments[-2:]
        self.ran.append(order.scale)
        self.clock += 10
        found = self.broken.get(order.scale) or given(order, self.law)
        if isinstance(found, NoReferenceError):
            raise found
        return found

    def judge(self, bound: str = "O(log n)") -> tuple[TestEvidence, Any]:
        budget = inline({"growth": bound}, At("budgets/orders.toml", 2), "orders.recent")
        return measure_growth(budget, EVIDENCE, self.scales, "")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


def test_each_size_is_run_once_for_all_tests(world: World) -> None:
    evidence, findings = world.judge()
    assert findings == ()
    assert [one.state for one in evidence.growth] == ["within"] * 3
    world.judge()
    assert world.ran == [1000, 4000, 16_000, 64_000]


def test_where_a_failing_plan_flips_is_narrowed_down(world: World) -> None:
    world.law = lambda n: (4, "index") if n < 10_000 else (n / 10, "seq")
    _, (finding,) = world.judge()
    assert world.ran[4:] == [8000, 11_314]
    assert finding.cause == "the plan flips between 8,000 and 11,314 rows"


def test_a_plan_that_flips_and_stays_within_is_left_alone(world: World) -> None:
    world.law = lambda n: (4, "seq" if n < 10_000 else "index")
    assert world.judge()[1] == ()
    assert len(world.ran) == 4


def test_what_is_left_open_is_tried_at_a_larger_size(world: World) -> None:
    """100 rows that lie on 133 blocks, then on 533: nearly one each; at four times that, all of them."""
    blocks = {1000: 14, 4000: 33, 16_000: 70, 64_000: 91, 256_000: 97}
    world.law = lambda n: (blocks[n], "index")
    assert world.judge()[1] == ()
    assert world.ran[4:] == [256_000]


def test_after_the_cap_nothing_is_run(world: World) -> None:
    world.scales._options = Options(world.options.root, "r" * 32, growth_cap=25.0)
    _, (finding,) = world.judge()
    assert world.ran == [1000, 4000, 16_000]
    assert finding.verdict is Verdict.UNJUDGED
    assert finding.message == (
        "growth: at scale 64,000 nothing was run: smaller sizes have taken the 25 s that all may (growth_cap)"
    )


def test_a_run_that_does_not_end_is_ended_by_the_cap(world: World) -> None:
    world.scales._options = Options(world.options.root, "r" * 32, growth_cap=25.0)
    world.broken[4000] = OutOfTimeError("its run of pytest did not end in time")
    _, (finding,) = world.judge()
    assert (world.ran, world.left) == ([1000, 4000], 15)
    assert finding.message == (
        "growth: at scale 4,000 its run of pytest did not end: all sizes have taken the 25 s that all may (growth_cap)"
    )


@pytest.mark.parametrize(
    ("largest", "words"),
    [
        (OutOfTimeError("its run of pytest did not end in time"), None),
        (NoReferenceError("its run of pytest ended with exit code 3"), "its run of pytest ended with exit code 3"),
        (Given({TEST: GivenTest("orders.recent", failed="fails: assert 1 == 2")}), "the test fails: assert 1 == 2"),
    ],
    ids=["no time", "no run", "a test that fails"],
)
def test_enough_sizes_judge_if_time_alone_kept_it_from_a_larger_one(
    world: World, largest: Any, words: str | None
) -> None:
    world.scales._options = Options(world.options.root, "r" * 32, growth_sizes=(1000, 4000, 16_000, 64_000, 256_000))
    world.broken[256_000] = largest
    evidence, findings = world.judge()
    assert [one.message for one in findings] == ([f"growth: at scale 256,000 {words}"] if words else [])
    assert len(evidence.growth) == (0 if words else 3)


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (NoReferenceError("its run of pytest ended with exit code 3", remedy="boom"), "its run of pytest ended with"),
        (
            Given({TEST: GivenTest("orders.recent", failed="fails: assert 1 == 2\nmore")}),
            "the test fails: assert 1 == 2",
        ),
        (Given(), "the test did not run"),
    ],
)
def test_a_size_that_fails_is_said_and_not_run_again(world: World, broken: Any, words: str) -> None:
    world.broken[4000] = broken
    for _ in range(2):
        evidence, (finding,) = world.judge()
        assert finding.verdict is Verdict.UNJUDGED
        assert finding.message.startswith(f"growth: at scale 4,000 {words}")
        assert evidence.growth == ()
    assert world.ran == [1000, 4000]


def test_a_table_that_does_not_grow_is_said(world: World) -> None:
    def fixed(scale: int, rows: int) -> Given:
        found = given(Order.of(world.options, {}, scale=scale), world.law)
        return Given(found.tests, "hash", None, (), {"orders": rows})

    world.broken = {scale: fixed(scale, 7) for scale in (1000, 4000, 16_000, 64_000)}
    assert world.judge()[1][0].message.endswith("grows with the scale: orders has 7 rows at each")


def test_a_table_that_does_not_grow_each_time_is_said(world: World) -> None:
    found = given(Order.of(world.options, {}, scale=16_000), world.law)
    world.broken = {16_000: Given(found.tests, "hash", None, (), {"orders": 4000})}
    assert world.judge()[1][0].message.endswith("at each scale: 1,000, 4,000, 4,000, 64,000 rows")


def test_a_table_of_one_row_is_a_size_too(world: World) -> None:
    """Its logarithm is nothing, and no bound could be divided by it."""
    found = given(Order.of(world.options, {}, scale=1000), world.law)
    world.broken = {1000: Given(found.tests, "hash", None, (), {"orders": 1})}
    assert world.judge()[1] == ()


def test_a_seed_that_takes_no_scale_is_multiplied(world: World) -> None:
    world.place.seed = Seed()
    assert world.scales.all == (2, 8, 32, 128)
    assert world.scales.described(8) == "8 times the rows"


def test_a_seed_that_cannot_be_multiplied_is_unjudged(world: World) -> None:
    world.place.seed = Seed()
    world.place.facts.rows = {}
    with pytest.raises(SeedError):
        world.scales.all  # noqa: B018
    assert world.judge()[1][0].message == "growth: the rows of the seed cannot be multiplied: it makes no rows"


def test_nothing_is_run_under_a_debugger_or_without_a_bound(world: World) -> None:
    budget = inline({"growth": "O(1)"}, At("x.toml", 2), "a.b")
    (finding,) = measure_growth(budget, EVIDENCE, world.scales, "--pdb")[1]
    assert finding.message == "growth: under --pdb nothing is run at other sizes"
    without = inline({"queries": {"max": 1}}, At("x.toml", 2), "a.b")
    assert measure_growth(without, EVIDENCE, world.scales, "") == (EVIDENCE, ())
    assert world.ran == []
